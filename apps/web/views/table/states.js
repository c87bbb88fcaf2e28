/** What the list shows in place of rows: loading, no torrents, no match, a query that is refused. */

/** @import { App } from '../../app.js' */

import { html } from '../../base/html.js';
import { computed } from '../../base/signal.js';
import { ApiError } from '../../api.js';
import { clearedFilters, isFiltered } from '../../query.js';
import { button } from '../../ui/button.js';
import { emptyState, errorState, skeletonRows } from '../../ui/states.js';

const SKELETON_ROWS = 12;

/** @param {App} app */
export function listState(app) {
  const kind = computed(() => {
    if (app.live.problem.value) return 'rejected';
    if (!app.live.shown.value) return 'loading';
    if (app.live.total.value > 0) return null;
    return isFiltered(app.view.value) ? 'no_match' : 'empty';
  });
  const clearButton = () => button({ label: () => app.t('filter.clear'), icon: 'filter',
    onClick: () => app.setView(clearedFilters()) });

  const content = () => {
    switch (kind.value) {
      case 'loading': return html`<div class="t-state" role="status" aria-label=${() => app.t('list.loading')}>
        ${skeletonRows(SKELETON_ROWS)}</div>`;
      case 'empty': return state(emptyState({
        icon: 'magnet', title: () => app.t('list.empty'), hint: () => app.t('list.empty_hint'),
        actions: button({ label: () => app.t('action.add'), icon: 'add', kind: 'primary',
          onClick: () => app.dialogs.add() }),
      }));
      case 'no_match': return state(emptyState({
        icon: 'search', title: () => app.t('list.no_match'), hint: () => app.t('table.no_match_hint'),
        actions: clearButton(),
      }));
      case 'rejected': return state(rejected());
      default: return null;
    }
  };
  const rejected = () => {
    const problem = app.live.problem.peek();
    if (!problem) return null;
    const { type, detail, status } = problem;
    const message = app.t('list.rejected', { message: app.clean(detail) });
    const error = new ApiError(type, status, message);
    // The same query is refused again.
    if (!isFiltered(app.view.peek())) return errorState({ app, error, retry: () => app.live.retry() });
    return [errorState({ app, error }), html`<div class="t-state-more">${clearButton()}</div>`];
  };
  return content;
}

/** @param {unknown} content */
const state = (content) => html`<div class="t-state">${content}</div>`;
