/** Menus with the keyboard of the ARIA pattern: arrows, Home, End, letters, Escape. On a phone they are sheets. */

/** @import { IconName } from './icons.js' */
/** @import { Text } from './values.js' */

import { html, mount } from '../base/html.js';
import { button } from './button.js';
import { icon } from './icons.js';

/** @typedef {'separator' | { label: string, icon?: IconName, keys?: string, checked?: boolean, disabled?: boolean,
 *    danger?: boolean, items?: MenuItem[], onSelect?: () => unknown }} MenuItem `checked` makes it a check box. */
/** @typedef {Exclude<MenuItem, 'separator'>} Entry */
/** @typedef {{ anchor: Element } | { x: number, y: number }} Place */
/** @typedef {{ left: number, right: number, top: number, bottom: number }} Box */

const GAP_PX = 4, EDGE_PX = 8, HOVER_MS = 160, TYPE_MS = 600;

/** Closes the menu that is open. @type {(keepsFocus?: boolean) => void} */
let closeOpen = () => {};
/** @type {Element | null} Anchor of the menu that is open. */
let openAnchor = null;

/** Closes the menu that is open, if there is one. */
export const closeMenu = () => closeOpen(true);

/** Returns the place of a popup beside a box, within the window.
 *  @param {Box} box @param {{ width: number, height: number }} size @param {{ width: number, height: number }} window
 *  @param {{ beside: boolean, isRtl: boolean }} options `beside` for a submenu, else below the box */
export function placeMenu(box, size, window, { beside, isRtl }) {
  const [startX, endX] = beside ? [box.right, box.left - size.width] : [box.left, box.right - size.width];
  const [first, second] = isRtl ? [endX, startX] : [startX, endX];
  const fitsX = (/** @type {number} */ x) => x >= EDGE_PX && x + size.width <= window.width - EDGE_PX;
  const x = fitsX(first) || !fitsX(second) ? first : second;
  const below = beside ? box.top - GAP_PX : box.bottom + GAP_PX;
  const above = beside ? box.bottom - size.height : box.top - GAP_PX - size.height;
  const y = below + size.height <= window.height - EDGE_PX || above < EDGE_PX ? below : above;
  const clamp = (/** @type {number} */ value, /** @type {number} */ max) => Math.max(EDGE_PX, Math.min(value, max));
  return {
    x: clamp(x, window.width - size.width - EDGE_PX), y: clamp(y, window.height - size.height - EDGE_PX),
  };
}

/** Opens a menu, and closes the one that was open.
 *  @param {MenuItem[]} items @param {Place} place @param {{ label?: string }} [options] */
export function openMenu(items, place, { label } = {}) {
  closeOpen();
  const anchor = 'anchor' in place ? place.anchor : null;
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const isRtl = document.documentElement.dir === 'rtl';
  // What lies outside of a modal dialog is inert.
  const parent = (anchor ?? before)?.closest('dialog') ?? document.body;
  const box = 'anchor' in place ? place.anchor.getBoundingClientRect()
    : { left: place.x, right: place.x, top: place.y, bottom: place.y };
  /** @type {HTMLElement} */
  let root;
  let isClosing = false;

  /** @param {boolean} [keepsFocus] */
  const close = (keepsFocus = false) => {
    if (isClosing) return;
    isClosing = true;
    removeEventListener('pointerdown', onOutside, true);
    removeEventListener('blur', onBlur);
    removeEventListener('resize', onBlur);
    anchor?.setAttribute('aria-expanded', 'false');
    [closeOpen, openAnchor] = [() => {}, null];
    const hadFocus = root.contains(document.activeElement);
    unmount();
    if (hadFocus && !keepsFocus) before?.focus({ preventScroll: true });
  };
  /** @param {PointerEvent} event */
  const onOutside = (event) => {
    const target = /** @type {Node} */ (event.target);
    // The click on the anchor closes by itself.
    if (!root.contains(target) && !anchor?.contains(target)) close(true);
  };
  const onBlur = () => close();

  const unmount = mount(parent, () => (root = level(items, { close, isRtl, label, back: () => close() })));
  // @ts-expect-error: set by the callback above.
  reveal(root, box, { beside: false, isRtl });
  addEventListener('pointerdown', onOutside, true);
  addEventListener('blur', onBlur);
  addEventListener('resize', onBlur);
  anchor?.setAttribute('aria-expanded', 'true');
  [closeOpen, openAnchor] = [close, anchor];
  return { close };
}

/** Button that opens a menu.
 *  @param {{ label: Text, icon?: IconName, items: () => MenuItem[], iconOnly?: boolean, kind?: 'plain' | 'ghost' }}
 *    options */
export function menuButton({ label, icon: name, items, iconOnly, kind = 'ghost' }) {
  const toggle = () => {
    if (openAnchor === node) return closeOpen();
    openMenu(items(), { anchor: node }, { label: node.textContent?.trim() || (node.ariaLabel ?? '') });
  };
  const node = button({ label, icon: name, iconOnly, kind, onClick: toggle });
  node.setAttribute('aria-haspopup', 'menu');
  node.setAttribute('aria-expanded', 'false');
  node.addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    toggle();
  });
  return node;
}

/** Shows a level of a menu at its place. @param {HTMLElement} element @param {Box} box
 *  @param {{ beside: boolean, isRtl: boolean }} options */
function reveal(element, box, options) {
  element.showPopover();
  const { width, height } = element.getBoundingClientRect();
  const { x, y } = placeMenu(box, { width, height }, { width: innerWidth, height: innerHeight }, options);
  element.style.setProperty('left', `${x}px`);
  element.style.setProperty('top', `${y}px`);
  entriesOf(element)[0]?.focus({ preventScroll: true });
}

/** @param {HTMLElement} element */
const entriesOf = (element) => /** @type {HTMLElement[]} */ (
  [...element.children].filter((child) => child.matches('[role^=menuitem]')));

/** One level of a menu. @param {MenuItem[]} items
 *  @param {{ close: (keepsFocus?: boolean) => void, back: () => void, isRtl: boolean, label?: string }} options
 *  @returns {HTMLElement} */
function level(items, { close, back, isRtl, label }) {
  /** @type {{ entry: Entry, close: () => void } | null} Submenu that is open. */
  let sub = null;
  let hover = 0, typed = '', typedAt = 0;
  const hasIcons = items.some((item) => item !== 'separator' && item.icon);
  const hasMarks = !hasIcons && items.some((item) => item !== 'separator' && item.checked !== undefined);

  /** @param {Entry} entry @param {HTMLElement} node */
  const openSub = (entry, node) => {
    if (sub?.entry === entry) return;
    sub?.close();
    const closeSub = () => {
      if (sub?.entry !== entry) return;
      sub = null;
      node.setAttribute('aria-expanded', 'false');
      unmount();
      node.focus({ preventScroll: true });
    };
    /** @type {HTMLElement} */
    let child;
    const unmount = mount(element, () =>
      (child = level(entry.items ?? [], { close, back: closeSub, isRtl, label: entry.label })));
    sub = { entry, close: closeSub };
    node.setAttribute('aria-expanded', 'true');
    // @ts-expect-error: set by the callback above.
    reveal(child, node.getBoundingClientRect(), { beside: true, isRtl });
  };
  /** @param {Entry} entry @param {HTMLElement} node */
  const choose = (entry, node) => {
    if (entry.disabled) return;
    if (entry.items) return openSub(entry, node);
    close();
    entry.onSelect?.();
  };
  /** @param {Entry} entry @param {HTMLElement} node */
  const enter = (entry, node) => {
    clearTimeout(hover);
    node.focus({ preventScroll: true });
    hover = setTimeout(() => {
      if (!element.isConnected) return;
      if (entry.items && !entry.disabled) openSub(entry, node);
      else if (sub) sub.close();
    }, HOVER_MS);
  };
  /** @param {string} letter @param {HTMLElement[]} nodes @param {number} at */
  const typeAhead = (letter, nodes, at) => {
    typed = performance.now() - typedAt < TYPE_MS ? typed + letter : letter;
    typedAt = performance.now();
    const from = typed.length > 1 ? at : at + 1;
    const order = [...nodes.slice(from), ...nodes.slice(0, from)];
    order.find((node) => node.textContent?.trim().toLowerCase().startsWith(typed))?.focus();
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const nodes = entriesOf(element);
    const at = nodes.indexOf(/** @type {HTMLElement} */ (event.target));
    if (at < 0) return; // It belongs to a submenu.
    event.stopPropagation();
    const { key } = event;
    const [inward, outward] = isRtl ? ['ArrowLeft', 'ArrowRight'] : ['ArrowRight', 'ArrowLeft'];
    const entry = entries[at];
    if (key === 'ArrowDown') nodes[(at + 1) % nodes.length].focus();
    else if (key === 'ArrowUp') nodes[(at - 1 + nodes.length) % nodes.length].focus();
    else if (key === 'Home') nodes[0].focus();
    else if (key === 'End') nodes[nodes.length - 1].focus();
    else if (key === 'Enter' || key === ' ' || (key === inward && entry.items)) choose(entry, nodes[at]);
    else if (key === 'Escape' || (key === outward && back !== close)) back();
    else if (key === 'Tab') close();
    else if (key.length === 1 && !event.ctrlKey && !event.metaKey) typeAhead(key.toLowerCase(), nodes, at);
    else return;
    event.preventDefault();
  };

  const entries = items.filter((item) => item !== 'separator');
  const element = /** @type {HTMLElement} */ (html`<div class="k-menu" role="menu" popover="manual" aria-label=${label}
    @keydown=${onKey} @contextmenu=${(/** @type {Event} */ event) => event.preventDefault()}>${items.map((item) => {
      if (item === 'separator') return html`<div class="k-menu-line" role="separator"></div>`;
      /** @type {HTMLElement} */
      const node = /** @type {HTMLElement} */ (menuItem(item, { hasIcons, hasMarks },
        () => choose(item, node), () => enter(item, node)));
      return node;
    })}</div>`);
  return element;
}

/** Entry; its mark is where others have icons, or at the end.
 *  @param {Entry} item @param {{ hasIcons: boolean, hasMarks: boolean }} level @param {() => void} onClick
 *  @param {() => void} onEnter */
const menuItem = (item, { hasIcons, hasMarks }, onClick, onEnter) => html`<div class="k-menu-item" tabindex="-1"
  role=${item.checked === undefined ? 'menuitem' : 'menuitemcheckbox'} class:k-menu-danger=${item.danger}
  aria-checked=${item.checked === undefined ? null : String(item.checked)}
  aria-disabled=${item.disabled ? 'true' : null} aria-haspopup=${item.items ? 'menu' : null}
  aria-expanded=${item.items ? 'false' : null} aria-keyshortcuts=${item.keys} @click=${onClick}
  @pointerenter=${onEnter}>
  ${hasMarks && html`<span class="k-menu-mark">${item.checked ? icon('check', { size: 16 }) : null}</span>`}
  ${item.icon ? icon(item.icon, { size: 18 }) : hasIcons && html`<span class="k-menu-noicon"></span>`}
  <span class="k-menu-label" dir="auto">${item.label}</span>
  ${hasIcons && item.checked && html`<span class="k-menu-mark">${icon('check', { size: 16 })}</span>`}
  ${item.keys && html`<kbd class="k-menu-keys">${item.keys}</kbd>`}
  ${item.items && html`<span class="k-menu-more">${icon('chevron', { size: 16 })}</span>`}</div>`;
