/** Dialog for a period of the schedule, and the choice of its effect. */

/** @import { ReadonlySignal, Signal } from '../../base/signal.js' */
/** @import { App } from '../../app.js' */
/** @import { Effect, Entry } from '../schedule.js' */

import { html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { formDialog } from '../../ui/dialog.js';
import { rateField, textField } from '../../ui/fields.js';
import { uid } from '../../ui/values.js';
import { DAY_MINUTES, minuteText, parseMinute } from '../schedule.js';
import { colourOf } from '../schedule_grid.js';
import { dayName, daysInOrder } from '../schedule_names.js';

/** @typedef {Effect['kind'] | 'normal'} BrushKind */
/** @typedef {{ kind: Signal<BrushKind>, down: Signal<number | null>, up: Signal<number | null>,
 *    effect: ReadonlySignal<Effect | null>, isComplete: ReadonlySignal<boolean> }} Brush */

/** Creates the choice of an effect; `normal` is none. @param {Effect} effect @returns {Brush} */
export function createBrush(effect) {
  const kind = signal(/** @type {BrushKind} */ (effect.kind));
  const down = signal(effect.kind === 'limits' ? effect.down : null);
  const up = signal(effect.kind === 'limits' ? effect.up : null);
  const isComplete = computed(() => kind.value !== 'limits' || down.value !== null || up.value !== null);
  return {
    kind, down, up, isComplete,
    effect: computed(() => {
      const chosen = kind.value;
      if (chosen === 'normal') return null;
      return chosen === 'limits' ? { kind: chosen, down: down.value, up: up.value } : { kind: chosen };
    }),
  };
}

/** @param {App} app @param {Brush} brush @param {{ kinds: readonly BrushKind[], effects: () => readonly Effect[],
 *  label: () => string }} options `effects` are those of the week, for their colours */
export function brushChoice(app, brush, { kinds, effects, label }) {
  const name = uid();
  /** @param {BrushKind} kind */
  const colour = (kind) => {
    if (kind === 'normal') return 'none';
    return kind === 'limits' ? colourOf(effects(), { kind, down: brush.down.value, up: brush.up.value }) : kind;
  };
  return html`<div class="p-brush"><fieldset class="p-brush-kinds"><legend class="k-label">${label}</legend>
    <div class="p-brush-list">${kinds.map((kind) => html`<label class="p-chip">
      <input type="radio" name=${name} class="p-chip-input" value=${kind} .checked=${() => brush.kind.value === kind}
        @change=${() => { brush.kind.value = kind; }}/>
      <span class="p-swatch" data-effect=${() => colour(kind)}></span>
      <span>${() => app.t(`schedule.${kind}`)}</span></label>`)}</div></fieldset>
    ${when(() => brush.kind.value === 'limits', () => html`<div class="p-brush-rates">
      ${rateField({ app, label: () => app.t('limits.down'), value: brush.down })}
      ${rateField({ app, label: () => app.t('limits.up'), value: brush.up })}
      ${when(() => !brush.isComplete.value, () => html`<p class="p-error" role="status">${() =>
        app.t('schedule.no_limit')}</p>`)}</div>`)}</div>`;
}

/** Opens the dialog.
 *  @param {App} app @param {{ title: string, entry: Entry, onSave: (entry: Entry) => void }} options */
export function openPeriod(app, { title, entry, onSave }) {
  const { locale } = app.f();
  const days = signal(/** @type {readonly number[]} */ (entry.days));
  const [from, to] = [signal(minuteText(entry.from)), signal(minuteText(entry.to))];
  const brush = createBrush(entry.effect);
  const isTried = signal(false);
  /** @param {number} day */
  const toggle = (day) => {
    const rest = days.value.filter((other) => other !== day);
    days.value = rest.length < days.value.length ? rest : [...rest, day].sort((a, b) => a - b);
  };

  formDialog({
    title, size: 'small', submit: { label: app.t('dialog.save') },
    onSubmit() {
      isTried.value = true;
      const span = [parseMinute(from.value), parseMinute(to.value)];
      const effect = brush.effect.value;
      if (days.value.length === 0 || span[0] === null || span[1] === null || !effect || !brush.isComplete.value) {
        return false;
      }
      onSave({ days: days.value, from: span[0] % DAY_MINUTES, to: span[1] % DAY_MINUTES, effect });
      return true;
    },
    body: () => html`<div class="p-form">
      <fieldset class="p-days"><legend class="k-label">${app.t('schedule.days')}</legend>
        <div class="p-days-list">${daysInOrder(locale).map((day) => html`<label class="p-day-chip">
          <input type="checkbox" class="p-chip-input" aria-label=${dayName(locale, day)}
            .checked=${() => days.value.includes(day)} @change=${() => toggle(day)}/>
          <span aria-hidden="true">${dayName(locale, day, 'short')}</span></label>`)}</div>
        ${when(() => isTried.value && days.value.length === 0, () => html`<p class="p-error" role="alert">${
          app.t('schedule.no_day')}</p>`)}</fieldset>
      <div class="p-form-row">
        ${textField({ label: app.t('schedule.from'), value: from, type: 'time', required: true })}
        ${textField({ label: app.t('schedule.to'), value: to, type: 'time', required: true })}</div>
      <p class="p-help">${app.t('schedule.next_day')}</p>
      ${brushChoice(app, brush, { kinds: ['pause', 'unlimited', 'limits'], effects: () => [],
        label: () => app.t('schedule.period_effect') })}</div>`,
  });
}
