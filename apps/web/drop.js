/**
 * Sources of torrents from outside of the page: drag and drop, paste, links that the browser opens with this app, and
 * files that the system opens with it. All lead to the add dialog.
 */

/** @import { App } from './app.js' */

import { html, mount, when } from './base/html.js';
import { inScope, onCleanup, signal } from './base/signal.js';
import { linksOfMarkup, splitSources } from './sources.js';
import { icon } from './ui/icons.js';

/** Limits of what is read from folders that are dropped. */
const MAX_FILES = 1000, MAX_DEPTH = 8;
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

/** Returns the texts of a transfer that can have links: its text, and the links of its markup.
 *  @param {DataTransfer} data */
export function textsOf(data) {
  const [plain, list] = [data.getData('text/plain'), data.getData('text/uri-list')];
  const markup = linksOfMarkup(data.getData('text/html'));
  return [...new Set([plain || list, markup])].filter(Boolean).join('\n');
}

/** Returns the files of a transfer, with those in folders. Items are read before the first wait, as they are gone then.
 *  @param {DataTransfer} data @returns {Promise<File[]>} */
export async function filesOf(data) {
  const items = [...data.items].filter(({ kind }) => kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...data.files];
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  /** @type {File[]} */
  const found = [];
  for (const [i, entry] of entries.entries()) {
    if (entry?.isDirectory) await readFolder(/** @type {FileSystemDirectoryEntry} */ (entry), found, MAX_DEPTH);
    else if (files[i]) found.push(files[i]);
  }
  return found.slice(0, MAX_FILES);
}

/** Collects the torrent files in a folder. @param {FileSystemDirectoryEntry} folder @param {File[]} found
 *  @param {number} depth */
async function readFolder(folder, found, depth) {
  const reader = folder.createReader();
  while (found.length < MAX_FILES) {
    /** @type {FileSystemEntry[]} */
    const entries = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (entry.isDirectory && depth > 0) {
        await readFolder(/** @type {FileSystemDirectoryEntry} */ (entry), found, depth - 1);
      } else if (/\.torrent$/i.test(entry.name) && found.length < MAX_FILES) {
        const file = await new Promise((resolve) =>
          /** @type {FileSystemFileEntry} */ (entry).file(resolve, () => resolve(null)));
        if (file) found.push(file);
      }
    }
  }
}

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
  const onDrop = async (event) => {
    isOver.value = false;
    const data = event.dataTransfer;
    if (!data || !isOurs(event) || event.defaultPrevented) return;
    if (isTextField(event.target) && data.files.length === 0) return;
    event.preventDefault();
    const text = textsOf(data);
    const files = await filesOf(data);
    offer(app, files, files.length > 0 ? '' : text);
  };
  /** @param {ClipboardEvent} event */
  const onPaste = (event) => {
    const data = event.clipboardData;
    if (!data || event.defaultPrevented || isTextField(event.target)) return;
    const files = [...data.files];
    const text = files.length > 0 ? '' : textsOf(data);
    if (files.length === 0 && text.trim() === '') return;
    event.preventDefault();
    offer(app, files, text);
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
 *  @param {App} app @param {File[]} files @param {string} text */
function offer(app, files, text) {
  if (!app.isIn.peek()) return;
  if (files.length > 0 || splitSources(text).links.length > 0) return void app.dialogs.add({ files, text });
  app.toasts.show({ text: app.t('add.nothing_found'), kind: 'info' });
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

/** @param {App} app @param {string} text */
function addUnasked(app, text) {
  const init = { text, isPreviewed: false };
  if (text !== '') app.dialogs.add(init);
}

/** Returns the sources in the URL of a launch. @param {string} url @param {boolean} hasHash true to read the hash too,
 *  which the router has read for the URL of the page */
export function launchText(url, hasHash) {
  if (!URL.canParse(url)) return '';
  const { searchParams, hash } = new URL(url);
  const ofHash = hasHash ? new URLSearchParams(hash.slice(1)).getAll('add') : [];
  return [...['add', 'url', 'text'].flatMap((name) => searchParams.getAll(name)), ...ofHash].filter(Boolean).join('\n');
}

/** @param {EventTarget | null} target */
const isTextField = (target) => target instanceof Element
  && target.closest('input:not([type="checkbox"], [type="radio"], [type="button"]), textarea, [contenteditable]')
    !== null;

/** Sign over the whole page, also over an open dialog, that a drop is taken.
 *  @param {App} app @param {{ value: boolean }} isOver */
function overlay(app, isOver) {
  return when(() => isOver.value, () => {
    const node = /** @type {HTMLElement} */ (html`<div class="a-drop" popover="manual"><div class="a-drop-card">
      <span class="a-drop-icon">${icon('download', { size: 40 })}</span>
      <p class="a-drop-title">${() => app.t('add.drop_here')}</p>
      <p>${() => app.t('add.drop_kinds')}</p></div></div>`);
    queueMicrotask(() => { if (node.isConnected) node.showPopover(); });
    return node;
  });
}
