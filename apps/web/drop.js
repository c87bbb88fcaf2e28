/**
 * Sources of torrents from outside of the page: drag and drop, paste, links that the browser opens with this app, and
 * files that the system opens with it. All lead to the add dialog.
 */

/** @import { App } from './app.js' */

import { html, mount, when } from './base/html.js';
import { inScope, onCleanup, signal } from './base/signal.js';
import { loadPart } from './dialogs.js';
import { isTextField } from './input.js';
import { icon } from './ui/icons.js';

const USABLE = new Set(['Files', 'text/plain', 'text/uri-list', 'text/html']);

/** URL with which the page was loaded. */
let loadedUrl = globalThis.location?.href ?? '';

/** @typedef {Event & { prompt: () => Promise<{ outcome: string }> }} InstallEvent */
/** Prompt of the browser to install the app, once it offers one. */
export const installPrompt = signal(/** @type {InstallEvent | null} */ (null));

globalThis.addEventListener?.('beforeinstallprompt', (event) => {
  event.preventDefault();
  installPrompt.value = /** @type {InstallEvent} */ (event);
});
globalThis.addEventListener?.('appinstalled', () => { installPrompt.value = null; });

/** Texts of a transfer. @typedef {{ plain: string, list: string, markup: string }} Texts */

/** Reads the texts of a transfer, which are gone after its event. @param {DataTransfer} data @returns {Texts} */
export const textsIn = (data) => ({
  plain: data.getData('text/plain'), list: data.getData('text/uri-list'), markup: data.getData('text/html'),
});

/** Opens the add dialog for what is dropped on the page, pasted outside of text fields, or opened with the app.
 *  @param {App} app @returns {() => void} stops it, as the end of the current scope does */
export function watchDrops(app) {
  const isOver = signal(false);
  /** A drag that begins in the page, as of a column, is not for this dialog. */
  let isInner = false;
  const end = new AbortController();
  const unmount = mount(document.body, () => overlay(app, isOver));

  /** @param {DragEvent} event */
  const isOurs = ({ dataTransfer }) => !isInner && [...(dataTransfer?.types ?? [])].some((type) => USABLE.has(type));
  /** @param {DragEvent} event */
  const onOver = (event) => {
    if (!isOurs(event) || event.defaultPrevented) return;
    // A text field takes text itself.
    if (isTextField(event.target) && !event.dataTransfer?.types.includes('Files')) return void (isOver.value = false);
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
    isOver.value = true;
  };
  /** @param {DragEvent} event */
  const onDrop = (event) => {
    isOver.value = false;
    const data = event.dataTransfer;
    if (!data || !isOurs(event) || event.defaultPrevented) return;
    if (isTextField(event.target) && data.files.length === 0) return;
    event.preventDefault();
    const items = [...data.items].filter(({ kind }) => kind === 'file');
    offer(app, textsIn(data), [...data.files], items.map((item) => item.webkitGetAsEntry?.() ?? null));
  };
  /** @param {ClipboardEvent} event */
  const onPaste = (event) => {
    const data = event.clipboardData;
    if (!data || event.defaultPrevented || isTextField(event.target)) return;
    const texts = textsIn(data);
    if (data.files.length === 0 && Object.values(texts).every((text) => text.trim() === '')) return;
    event.preventDefault();
    offer(app, texts, [...data.files]);
  };
  const options = { signal: end.signal };
  addEventListener('dragstart', () => { isInner = true; }, options);
  // An element that is gone by the end of its drag has no dragend.
  for (const name of ['dragend', 'pointerdown']) addEventListener(name, () => { isInner = false; }, options);
  addEventListener('dragenter', onOver, options);
  addEventListener('dragover', onOver, options);
  addEventListener('dragleave', (event) => { if (event.relatedTarget === null) isOver.value = false; }, options);
  addEventListener('drop', onDrop, options);
  addEventListener('paste', onPaste, options);
  takeLaunch(app);
  const stop = () => { end.abort(); unmount(); };
  if (inScope()) onCleanup(stop);
  return stop;
}

/** Opens the dialog if there is something to add, or says that there is nothing.
 *  @param {App} app @param {Texts} texts @param {readonly File[]} files
 *  @param {readonly (FileSystemEntry | null)[]} [entries] files and folders of a drop */
async function offer(app, texts, files, entries = []) {
  if (!app.isIn.peek()) return;
  const module = await loadPart(app, () => import('./transfer.js'));
  const found = await module?.sourcesIn(texts, files, entries);
  if (found) app.dialogs.add(found);
  else if (module) app.toasts.show({ text: app.t('drop.nothing_found'), kind: 'info' });
}

/** @typedef {{ files?: readonly FileSystemFileHandle[], targetURL?: string }} LaunchParams */

/** Takes what the app was opened with: `?add=` in the URL, and links and torrent files of the system, also those that
 *  come while the app is open. A link leaves the URL at once, as it may have a passkey. It is not fetched unasked, as
 *  any page can contain such a URL. @param {App} app */
export function takeLaunch(app) {
  const text = launchText(location.href, false);
  if (text !== '') {
    history.replaceState(history.state, '', location.pathname + location.hash);
    addUnasked(app, text);
  }
  /** @type {{ setConsumer: (take: (params: LaunchParams) => void) => void } | undefined} */
  const queue = Reflect.get(globalThis, 'launchQueue');
  queue?.setConsumer(async ({ files = [], targetURL = '' }) => {
    if (files.length > 0) {
      return void app.dialogs.add({ files: await Promise.all(files.map((handle) => handle.getFile())) });
    }
    // The link of the first launch is in the URL of the page, too.
    const isFirst = targetURL === loadedUrl;
    loadedUrl = '';
    if (!isFirst) addUnasked(app, launchText(targetURL, true));
  });
}

/** Opens the dialog for a text that a page may have sent: it shows the text, and fetches nothing for it.
 *  @param {App} app @param {string} text */
export function addUnasked(app, text) {
  if (text !== '') app.dialogs.add({ text, isPreviewed: false });
}

/** Returns the sources in the URL of a launch. @param {string} url @param {boolean} hasHash true to read the hash too,
 *  which the router has read for the URL of the page */
export function launchText(url, hasHash) {
  if (!URL.canParse(url)) return '';
  const { searchParams, hash } = new URL(url);
  const ofHash = hasHash ? new URLSearchParams(hash.slice(1)).getAll('add') : [];
  return [...['add', 'url', 'text'].flatMap((name) => searchParams.getAll(name)), ...ofHash].filter(Boolean).join('\n');
}

/** Sign over the whole page, also over an open dialog, that a drop is taken.
 *  @param {App} app @param {{ value: boolean }} isOver */
function overlay(app, isOver) {
  return when(() => isOver.value, () => {
    const node = /** @type {HTMLElement} */ (html`<div class="a-drop" popover="manual"><div class="a-drop-card">
      <span class="a-drop-icon">${icon('download', { size: 40 })}</span>
      <p class="a-drop-title">${() => app.t('drop.here')}</p>
      <p>${() => app.t('drop.kinds')}</p></div></div>`);
    queueMicrotask(() => { if (node.isConnected) node.showPopover(); });
    return node;
  });
}
