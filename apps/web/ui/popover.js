/** Small panel beside a button. It does not block the page: Escape, a click elsewhere or the loss of focus ends it. */

/** @import { Text } from './values.js' */

import { html, mount } from '../base/html.js';
import { placeMenu } from './menu.js';

/** Events after which a panel may be at the wrong place, or on another page. */
const CHANGES = ['resize', 'hashchange', 'popstate'];

/** @type {{ anchor: Element, close: () => void } | null} */
let open = null;

/** Closes the panel that is open, if there is one. */
export const closePopover = () => open?.close();

/** Opens a panel, or closes it if it is open at the same anchor.
 *  @param {HTMLElement} anchor @param {{ label: Text, content: (close: () => void) => unknown }} options */
export function togglePopover(anchor, { label, content }) {
  const before = open;
  before?.close();
  if (before?.anchor === anchor) return;
  /** @type {HTMLElement} */
  let element;
  /** @param {PointerEvent} event */
  const onOutside = (event) => { if (isOutside(/** @type {Element} */ (event.target))) close(false); };
  /** A menu that the panel has opened lies outside of it. @param {Element} target */
  const isOutside = (target) =>
    !element.contains(target) && !anchor.contains(target) && !target.closest('.k-menu');
  /** @param {FocusEvent} event */
  const onFocusOut = ({ relatedTarget }) => {
    if (relatedTarget instanceof Element && isOutside(relatedTarget)) close(false);
  };
  const onChange = () => close(false);
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    close(true);
  };
  const close = (returnsFocus = true) => {
    if (open?.anchor !== anchor) return;
    open = null;
    removeEventListener('pointerdown', onOutside, true);
    for (const name of CHANGES) removeEventListener(name, onChange);
    anchor.setAttribute('aria-expanded', 'false');
    const hadFocus = element.contains(document.activeElement);
    unmount();
    if (hadFocus && returnsFocus) anchor.focus({ preventScroll: true });
  };
  const unmount = mount(anchor.closest('dialog') ?? document.body, () => (element = /** @type {HTMLElement} */ (
    html`<div class="k-popover" role="dialog" popover="manual" tabindex="-1" aria-label=${label} @keydown=${onKey}
      @focusout=${onFocusOut}>${content(close)}</div>`)));
  open = { anchor, close: () => close(false) };
  anchor.setAttribute('aria-expanded', 'true');
  // @ts-expect-error: set by the callback above.
  const panel = /** @type {HTMLElement} */ (element);
  panel.showPopover();
  const { width, height } = panel.getBoundingClientRect();
  const isRtl = document.documentElement.dir === 'rtl';
  const window = { width: innerWidth, height: innerHeight };
  const { x, y } = placeMenu(anchor.getBoundingClientRect(), { width, height }, window, { beside: false, isRtl });
  panel.style.setProperty('left', `${x}px`);
  panel.style.setProperty('top', `${y}px`);
  panel.focus({ preventScroll: true });
  addEventListener('pointerdown', onOutside, true);
  for (const name of CHANGES) addEventListener(name, onChange);
}
