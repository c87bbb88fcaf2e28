/** Fields for goals of seeding, of torrents and of categories. */

/** @import { Signal } from '../../base/signal.js' */
/** @import { App } from '../../app.js' */
/** @import { Goals } from '../../types.js' */
/** @import { GoalName } from './goal_text.js' */

import { html, when } from '../../base/html.js';
import { effect, signal } from '../../base/signal.js';
import { durationField, selectField, textField } from '../../ui/fields.js';
import { icon } from '../../ui/icons.js';
import { GOAL_NAMES, parseRatio, validGoals } from './goal_text.js';

/** Values that are proposed when a goal is turned on. @type {Record<GoalName, number>} */
const PROPOSED = { ratio: 2, seeding_s: 7 * 86_400, idle_s: 86_400 };

/** @typedef {'goal_edit.inherit' | 'goal_edit.inherit_above' | 'goal_edit.inherit_settings'} Inherit */

/** Creates fields for goals. They are written only while all are valid. `inherit` tells what decides otherwise.
 *  @param {{ app: App, value: Signal<Required<Goals>>, inherit?: () => Inherit }} options */
export function goalsFields({ app, value, inherit = () => 'goal_edit.inherit' }) {
  const start = validGoals(value.peek());
  const goals = GOAL_NAMES.map((name) => goalField(app, name, start[name], inherit));
  const action = signal(start.action ?? '');
  effect(() => {
    const [ratio, seeding_s, idle_s] = goals.map(({ read }) => read());
    if (ratio === null || seeding_s === null || idle_s === null) return;
    value.value = { ratio, seeding_s, idle_s, action: validGoals({ action: action.value }).action };
  });
  const actions = () => [
    { value: '', label: app.t(inherit()) }, { value: 'stop', label: app.t('goal_edit.action_stop') },
    { value: 'remove', label: app.t('goal_edit.action_remove') },
    { value: 'remove_with_data', label: app.t('goal_edit.action_remove_with_data') },
  ];
  return html`<div class="a-goals">${goals.map(({ node }) => node)}
    ${selectField({ label: () => app.t('goal_edit.action'), value: action, options: actions })}
    ${when(() => action.value === 'remove_with_data', () => html`<p class="a-warning">${icon('warning', { size: 18 })}
      <span>${() => app.t('goal_edit.data_lost')}</span></p>`)}</div>`;
}

/** @param {App} app @param {GoalName} name @param {Required<Goals>[GoalName]} start @param {() => Inherit} inherit */
function goalField(app, name, start, inherit) {
  const mode = signal(typeof start === 'object' ? 'at' : start);
  const number = typeof start === 'object' ? start.at : PROPOSED[name];
  const seconds = signal(/** @type {number | null} */ (number));
  const ratio = signal(app.f().ratio(number));
  const isValid = signal(true);
  const label = () => app.t(`goal_edit.${name}`);
  const fault = () => (mode.value === 'at' && parseRatio(ratio.value, app.f().decimal) === null
    ? app.t('goal_edit.ratio_fault') : null);
  const options = () => [
    { value: 'inherit', label: app.t(inherit()) },
    { value: 'unlimited', label: app.t('goal_edit.unlimited') },
    { value: 'at', label: app.t('goal_edit.at') },
  ];
  const field = () => (name === 'ratio'
    ? textField({ label, hideLabel: true, value: ratio, error: fault, dir: 'ltr' })
    : durationField({
      app, label, hideLabel: true, value: seconds, isRequired: true,
      onFault: (next) => { isValid.value = next === null; },
    }));
  return {
    node: html`<div class="a-goal" class:a-goal-at=${() => mode.value === 'at'}>
      ${selectField({ label, value: mode, options })}
      ${when(() => mode.value === 'at', field)}</div>`,
    /** @returns {Required<Goals>[GoalName] | null} */
    read: () => {
      if (mode.value !== 'at') return mode.value === 'unlimited' ? 'unlimited' : 'inherit';
      const at = name === 'ratio' ? parseRatio(ratio.value, app.f().decimal) : isValid.value ? seconds.value : null;
      return at === null ? null : { at };
    },
  };
}
