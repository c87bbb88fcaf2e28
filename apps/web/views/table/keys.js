/** Keyboard of the list. Keys that act on torrents belong to the commands. */

/** @import { Table } from './table.js' */

import { keyOf } from '../../keyboard.js';

/** Watches the keys of a list. @param {Table} table */
export function watchListKeys(table) {
  const { app, scroller, selector, cursor } = table;

  /** Number of rows that a page key passes: one stays in view. */
  const pageRows = () => Math.max(1, Math.floor(scroller.clientHeight / table.rowPx.peek()) - 1 - table.headerRows);
  const firstVisible = () => Math.ceil(scroller.scrollTop / table.rowPx.peek());

  /** Returns the row to which a key moves the cursor; null if it is another key. @param {string} key */
  const target = (key) => {
    const at = selector.index(), last = app.live.snapshot.peek().total - 1;
    const clamp = (/** @type {number} */ index) => Math.min(Math.max(0, index), last);
    if (last < 0) return null;
    switch (key) {
      case 'ArrowDown': return at < 0 ? clamp(firstVisible()) : clamp(selector.isGone() ? at : at + 1);
      case 'ArrowUp': return at < 0 ? clamp(firstVisible()) : clamp(at - 1);
      case 'PageDown': return clamp(Math.max(0, at) + pageRows());
      case 'PageUp': return clamp(at - pageRows());
      case 'Home': return 0;
      case 'End': return last;
      default: return null;
    }
  };

  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.target !== scroller || event.altKey) return;
    const hasMod = event.ctrlKey || event.metaKey;
    const index = target(event.key);
    if (index !== null) {
      selector.to({ id: null, index }, { isRange: event.shiftKey, adds: event.shiftKey && hasMod,
        onlyMoves: hasMod && !event.shiftKey });
      table.scrollToIndex(index);
    } else if (event.key === ' ') {
      selector.toggle();
    } else if (keyOf(event) === 'Enter' && cursor.place().id !== null) {
      app.opened.value = cursor.place().id;
    } else return;
    event.preventDefault();
  };
  const onFocus = () => {
    // With the keyboard the place of the focus must be seen.
    if (selector.index() >= 0 || !scroller.matches(':focus-visible')) return;
    selector.to({ id: null, index: firstVisible() }, { onlyMoves: true });
  };
  scroller.addEventListener('keydown', onKey);
  scroller.addEventListener('focus', onFocus);
}
