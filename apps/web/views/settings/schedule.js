/** Page of the schedule: effects to paint, the week, the periods in words, and their text. */

/** @import { Entry } from '../schedule.js' */
/** @import { App } from '../../app.js' */
/** @import { SettingsContext } from './settings.js' */

import { each, html, when } from '../../base/html.js';
import { computed, signal } from '../../base/signal.js';
import { button } from '../../ui/button.js';
import { icon } from '../../ui/icons.js';
import { errorText } from '../../ui/texts.js';
import { entryText, parseEntries } from '../schedule.js';
import { colourOf, weekGrid } from '../schedule_grid.js';
import { daysName, effectName, entryName, spanName } from '../schedule_names.js';
import { createAlternative } from './limits.js';
import { card } from './parts.js';
import { brushChoice, createBrush, openPeriod } from './period.js';

const KIB = 1024;
/** Period that the dialog begins with: the nights. @type {Entry} */
const FIRST = { days: [0, 1, 2, 3, 4, 5, 6], from: 60, to: 420, effect: { kind: 'unlimited' } };

/** @param {SettingsContext} context */
export function schedulePage(context) {
  const { app, draft } = context;
  const brush = createBrush({ kind: 'limits', down: 1024 * KIB, up: 200 * KIB });
  const effects = () => draft.week.value.effects;
  const isReadable = () => draft.fault.value === null;

  return html`<div class="p-schedule">
    <p class="p-intro">${() => app.t('schedule.intro')}</p>
    ${overridden(app)}
    ${when(() => draft.texts.value !== null && isReadable(), () => html`<div class="p-card p-week-card">
      ${brushChoice(app, brush, { kinds: ['limits', 'pause', 'unlimited', 'normal'], effects,
        label: () => app.t('schedule.effect') })}
      ${weekGrid({ app, week: draft.week, onPaint(strokes, erases) {
        if (erases || brush.isComplete.peek()) draft.paint(strokes, erases ? null : brush.effect.peek());
      } })}</div>`)}
    ${when(isReadable, () => periods(context))}
    ${when(() => draft.texts.value !== null, () => asText(context))}
    ${saveBar(context)}</div>`;
}

/** Note that the schedule has no effect now. @param {App} app */
function overridden(app) {
  const { chosen, choose } = createAlternative(app);
  return when(() => chosen.value === 'on' || chosen.value === 'off', () => html`<div class="p-note p-note-warn"
    role="status">${icon('info', { size: 18 })}<span>${() => app.t('schedule.overridden')}</span>
    ${button({ label: () => app.t('schedule.follow'), onClick: () => choose('schedule') })}</div>`);
}

/** @param {SettingsContext} context */
function periods({ app, draft }) {
  const rows = computed(() => draft.entries.value.map((entry, i) => ({ entry, key: `${i} ${entryText(entry)}`, i })));
  /** @param {number} at @param {readonly Entry[]} by */
  const replace = (at, ...by) => draft.set(draft.entries.peek().toSpliced(at, 1, ...by));
  const add = () => openPeriod(app, {
    title: app.t('schedule.add'), entry: FIRST, onSave: (entry) => draft.set([...draft.entries.peek(), entry]),
  });
  return card({
    title: () => app.t('schedule.periods'),
    actions: [
      when(() => draft.entries.value.length > 0, () => button({ label: () => app.t('schedule.clear'), kind: 'ghost',
        icon: 'remove', onClick: () => draft.set([]) })),
      button({ label: () => app.t('schedule.add'), icon: 'plus', onClick: add }),
    ],
    body: html`<div>${when(() => rows.value.length === 0, () => html`<p class="p-empty">${() =>
      app.t('schedule.no_periods')}</p>`)}
      <ul class="p-periods">${each(rows, ({ key }) => key, (row) => {
        const { entry, i } = row.peek();
        return html`<li class="p-period">
          <span class="p-swatch" data-effect=${() => colourOf(draft.week.value.effects, entry.effect)}></span>
          <span class="p-period-days">${() => daysName(app, entry.days)}</span>
          <span class="p-period-span">${() => spanName(app.f().locale, entry.from, entry.to)}</span>
          <span class="p-period-effect">${() => effectName(app, entry.effect)}</span>
          <span class="p-period-actions">
            ${button({ label: () => `${app.t('schedule.edit')}: ${entryName(app, entry)}`, icon: 'edit', iconOnly: true,
              kind: 'ghost', onClick: () => openPeriod(app, { title: app.t('schedule.edit'), entry,
                onSave: (next) => replace(i, next) }) })}
            ${button({ label: () => `${app.t('schedule.remove')}: ${entryName(app, entry)}`, icon: 'remove',
              iconOnly: true, kind: 'ghost', onClick: () => replace(i) })}</span></li>`;
      })}</ul></div>`,
  });
}

/** Entries in the syntax of the setting. @param {SettingsContext} context */
function asText({ app, draft }) {
  const canonical = computed(() => (draft.fault.value ? (draft.texts.value ?? []).join('\n')
    : draft.entries.value.map(entryText).join('\n')));
  const typed = signal(/** @type {string | null} */ (null));
  const fault = signal(/** @type {string | null} */ (null));
  const apply = () => {
    const lines = (typed.peek() ?? canonical.peek()).split(/[\n;]/).filter((line) => line.trim() !== '');
    const parsed = parseEntries(lines);
    fault.value = parsed.fault;
    if (!parsed.entries) return;
    draft.set(parsed.entries);
    typed.value = null;
  };
  return html`<details class="p-card p-details" ?open=${() => draft.fault.value !== null}>
    <summary class="p-summary">${() => app.t('schedule.text')}${icon('chevron', { size: 16 })}</summary>
    <div class="p-details-body"><p class="p-help" id="p-schedule-text-help">${() => app.t('schedule.text_help')}</p>
      <textarea class="k-input p-code" rows="5" dir="ltr" spellcheck="false"
        aria-label=${() => app.t('schedule.text')} aria-describedby="p-schedule-text-help p-schedule-text-fault"
        .value=${() => typed.value ?? canonical.value} @input=${(/** @type {Event} */ event) => {
          typed.value = /** @type {HTMLTextAreaElement} */ (event.target).value;
          fault.value = null;
        }}></textarea>
      <p class="p-error" id="p-schedule-text-fault" role="alert" ?hidden=${() => !(fault.value ?? draft.fault.value)}>${
        () => app.t('schedule.text_fault', { text: fault.value ?? draft.fault.value ?? '' })}</p>
      ${button({ label: () => app.t('schedule.apply'), disabled: () => typed.value === null, onClick: apply })}
    </div></details>`;
}

/** @param {SettingsContext} context */
function saveBar({ app, draft }) {
  const error = signal(/** @type {string | null} */ (null));
  const save = async () => {
    error.value = null;
    try {
      await draft.save();
      app.toasts.show({ text: app.t('schedule.saved'), kind: 'success' });
    } catch (cause) { error.value = errorText(cause); }
  };
  return when(draft.isChanged, () => html`<div class="p-save-bar" role="region"
    aria-label=${() => app.t('schedule.unsaved')}>
    <span class="p-save-text">${() => error.value ?? app.t('schedule.unsaved')}</span>
    ${button({ label: () => app.t('schedule.discard'), onClick: () => { error.value = null; draft.discard(); } })}
    ${button({ label: () => app.t('schedule.save'), kind: 'primary', icon: 'save', onClick: save })}</div>`);
}

