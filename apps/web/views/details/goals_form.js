/** Goals of the torrent: each is inherited, unlimited or a value. */

/** @import { ReadonlySignal, Signal } from '../../base/signal.js' */
/** @import { Goals } from '../../types.js' */
/** @import { Context } from './context.js' */
/** @import { GoalMode, GoalName } from './goal_values.js' */

import { html, when } from '../../base/html.js';
import { computed, effect, signal } from '../../base/signal.js';
import { durationField, selectField, textField } from '../../ui/fields.js';
import { goalsAction, parseRatio } from '../dialogs/goal_text.js';
import { part } from './context.js';
import { createDraft } from './draft.js';
import { formSection } from './form_section.js';
import { GOALS, goalOf, isSameGoal, valueOf } from './goal_values.js';

/** @typedef {ReturnType<typeof goalDraft>} GoalDraft */

/** @param {Context} context @param {ReadonlySignal<Goals>} goals @param {GoalName} name */
function goalDraft({ app }, goals, name) {
  const source = computed(() => valueOf(goals.value[name]));
  const mode = createDraft(/** @type {ReadonlySignal<string>} */ (computed(() => source.value.mode)));
  const at = createDraft(computed(() => source.value.at));
  const fault = signal(false);
  const goal = computed(() => goalOf({ mode: /** @type {GoalMode} */ (mode.value.value), at: at.value.value }));
  const isMissing = computed(() => goal.value === null || (mode.value.value === 'at' && fault.value));
  const label = () => app.t(/** @type {'details.goal_ratio'} */ (`details.goal_${name}`));
  const value = () => (name === 'ratio' ? ratioField(app, at.value)
    : durationField({ app, label: () => app.t('details.goal_value'), value: at.value,
      help: () => app.t('details.duration_hint'), onFault: (next) => { fault.value = next !== null; } }));
  const field = () => html`<div class="d-goal">${selectField({ label, value: mode.value, options: () => [
    { value: 'inherit', label: app.t('details.goal_inherit') },
    { value: 'unlimited', label: app.t('details.goal_unlimited') },
    { value: 'at', label: app.t('details.goal_at') },
  ] })}${when(() => mode.value.value === 'at', value)}</div>`;
  return {
    name, goal, isMissing, field,
    isDirty: computed(() => isMissing.value || !isSameGoal(goal.value ?? undefined, goals.value[name])),
    reset: () => { fault.value = false; mode.reset(); at.reset(); },
  };
}

/** @param {Context['app']} app @param {Signal<number | null>} value */
function ratioField(app, value) {
  const { decimal } = app.f();
  const textOf = () => (value.peek() === null ? '' : String(value.peek()).replace('.', decimal));
  const text = signal(textOf());
  effect(() => { value.value = parseRatio(text.value, decimal); });
  // A value from elsewhere replaces the text.
  effect(() => { if (value.value !== parseRatio(text.peek(), decimal)) text.value = textOf(); });
  return textField({ label: () => app.t('details.goal_value'), value: text, dir: 'ltr', placeholder: '1.5',
    error: () => (text.value.trim() !== '' && value.value === null ? app.t('details.bad_ratio') : null),
    help: () => app.t('details.ratio_hint') });
}

/** @param {Context} context */
export function goalsForm(context) {
  const { app, detail } = context;
  const goals = part(detail, (value) => value.goals, /** @type {Goals} */ ({}));
  const drafts = GOALS.map((name) => goalDraft(context, goals, name));
  const action = createDraft(/** @type {ReadonlySignal<string>} */ (computed(() => goals.value.action ?? '')));
  const current = () => goalsAction({ action: action.value.peek(),
    ...Object.fromEntries(drafts.map(({ name, goal }) => [name, goal.peek()])) });
  return formSection(context, {
    title: 'details.goals',
    fields: () => [...drafts.map(({ field }) => field()), selectField({
      label: () => app.t('details.goal_action'), value: action.value, options: () => [
        { value: '', label: app.t('details.goal_inherit') },
        { value: 'stop', label: app.t('details.goal_stop') },
        { value: 'remove', label: app.t('details.goal_remove') },
        { value: 'remove_with_data', label: app.t('details.goal_remove_data') },
      ] })],
    isDirty: computed(() => action.isDirty.value || drafts.some(({ isDirty }) => isDirty.value)),
    canSave: computed(() => !drafts.some(({ isMissing }) => isMissing.value)),
    reset: () => { action.reset(); for (const draft of drafts) draft.reset(); },
    save: () => context.act(current(), { quiet: true, undo: { action: goalsAction(goals.peek()) } }),
  });
}
