/**
 * Cells of a row. A cell is built once and shows one torrent after the other: it writes to the document only what
 * differs, and has few nodes, so that hundreds of cells can change in a frame.
 */

/** @import { ColumnDef, TextContext } from '../../columns.js' */
/** @import { Torrent } from '../../types.js' */

import { html, toElement } from '../../base/html.js';
import { shownState, toneOf } from '../../columns.js';
import { stateIcon } from './state_icon.js';

/** @typedef {{ node: HTMLElement, update: (torrent: Torrent | undefined, context: TextContext) => void }} Cell Without
 *    a torrent, its row is not loaded. */

/** Tags that are shown one by one; the others are a number. */
const MOST_TAGS = 4;

/** Creates a text node that is written only when the text differs.
 *  @param {Element} parent @returns {(text: string) => void} */
export function textIn(parent) {
  const node = new Text('');
  let shown = '';
  parent.append(node);
  return (text) => { if (text !== shown) node.data = shown = text; };
}

/** Creates a setter of an attribute that is written only when it differs. @param {Element} element
 *  @param {string} name @returns {(value: string) => void} */
export function attributeOf(element, name) {
  let shown = '';
  return (value) => {
    if (value === shown) return;
    shown = value;
    if (value === '') element.removeAttribute(name);
    else element.setAttribute(name, value);
  };
}

/** Creates a setter of a style property. @param {HTMLElement} element @param {string} name */
export function styleOf(element, name) {
  let shown = '';
  return (/** @type {string} */ value) => {
    if (value !== shown) element.style.setProperty(name, (shown = value));
  };
}

/** Creates the cell of a column. @param {ColumnDef} def @param {{ hasSecondLine: boolean }} options @returns {Cell} */
export function createCell(def, options) {
  if (def.cell === 'name') return nameCell(def, options);
  if (def.cell === 'progress') return progressCell(def);
  if (def.cell === 'tags') return tagsCell(def);
  return textCell(def);
}

/** @param {ColumnDef} def @returns {Cell} */
function textCell(def) {
  const node = toElement(html`<div class=${`t-cell t-c-${def.key}`} class:t-end=${def.align === 'end'} role="gridcell"
    dir=${def.isForeign ? 'auto' : null}></div>`);
  const show = textIn(node);
  const setTone = attributeOf(node, 'data-tone');
  const hasTone = def.cell === 'state';
  return {
    node,
    update(torrent, context) {
      show(torrent ? def.text(torrent, context) : '');
      if (hasTone) setTone(torrent ? toneOf(torrent) : '');
    },
  };
}

/** @param {ColumnDef} def @param {{ hasSecondLine: boolean }} options @returns {Cell} */
function nameCell(def, { hasSecondLine }) {
  const icon = stateIcon();
  const name = toElement(html`<span class="t-name" dir="auto"></span>`);
  const second = hasSecondLine ? toElement(html`<span class="t-second" dir="auto"></span>`) : null;
  const node = toElement(html`<div class="t-cell t-c-name" role="rowheader">${icon.node}${second
    ? html`<span class="t-lines">${name}${second}</span>` : name}</div>`);
  const [show, setTone] = [textIn(name), attributeOf(node, 'data-tone')];
  const showSecond = second ? textIn(second) : null;
  return {
    node,
    update(torrent, context) {
      show(torrent ? def.text(torrent, context) : '');
      setTone(torrent ? toneOf(torrent) : '');
      showSecond?.(torrent ? secondLine(torrent, context) : '');
      if (torrent) icon.update(shownState(torrent));
    },
  };
}

/** Labels of a torrent in one line. @param {Torrent} torrent @param {TextContext} context */
const secondLine = ({ category, tags, tracker }, { clean }) =>
  [category, ...tags, tracker].map((text) => clean(text ?? '')).filter(Boolean).join(' · ');

/** Progress in figures beside a bar that the style sheet draws. @param {ColumnDef} def @returns {Cell} */
function progressCell(def) {
  const node = toElement(html`<div class="t-cell t-c-progress t-end" role="gridcell"></div>`);
  const [show, setTone, setPart] = [textIn(node), attributeOf(node, 'data-tone'), styleOf(node, '--part')];
  return {
    node,
    update(torrent, context) {
      show(torrent ? def.text(torrent, context) : '');
      setTone(torrent ? progressTone(torrent) : '');
      // A thousandth is less than a pixel.
      setPart(torrent ? String(Math.round(torrent.progress * 1000) / 1000) : '0');
    },
  };
}

/** Complete ones have a colour of their own, whatever they do. @param {Torrent} torrent */
export const progressTone = (torrent) => {
  const tone = toneOf(torrent);
  return torrent.progress >= 1 && tone !== 'error' && tone !== 'busy' ? 'done' : tone === 'warn' ? 'down' : tone;
};

/** @param {ColumnDef} def @returns {Cell} */
function tagsCell(def) {
  const node = toElement(html`<div class="t-cell t-c-tags" role="gridcell"></div>`);
  let shown = '';
  return {
    node,
    update(torrent, context) {
      const text = torrent ? def.text(torrent, context) : '';
      if (text === shown) return;
      shown = text;
      const tags = (torrent?.tags ?? []).map(context.clean);
      const rest = tags.length - MOST_TAGS;
      const chips = tags.slice(0, MOST_TAGS).map((tag) => html`<span class="t-tag" dir="auto">${tag}</span>`);
      node.replaceChildren(...chips, ...(rest > 0 ? [`+${context.f.count(rest)}`] : []));
    },
  };
}
