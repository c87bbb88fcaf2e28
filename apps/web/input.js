/** What the pointer and the keyboard mean, as far as it depends on the system or on the element. */

/** Types of input that take no text. */
const WITHOUT_TEXT = new Set(['button', 'checkbox', 'color', 'file', 'image', 'radio', 'range', 'reset', 'submit']);

export const isMac = /mac|iphone|ipad/i.test(globalThis.navigator?.platform ?? '');

/** Returns true if an element takes text, or has letters as keys of its own. @param {EventTarget | null} target */
export function isTextField(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !WITHOUT_TEXT.has(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

/** Returns true if a click adds to a selection. @param {Pick<MouseEvent, 'ctrlKey' | 'metaKey'>} event
 *  @param {boolean} [onMac] */
export const isAdding = ({ ctrlKey, metaKey }, onMac = isMac) => (onMac ? metaKey : ctrlKey);

/** Returns true if a click opens the menu, as with Ctrl on a Mac. @param {Pick<MouseEvent, 'ctrlKey'>} event
 *  @param {boolean} [onMac] */
export const isMenuClick = ({ ctrlKey }, onMac = isMac) => onMac && ctrlKey;
