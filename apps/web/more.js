/** What the first view does not need: messages and style sheets of the parts that are loaded later. */

/** @import { App } from './app.js' */

const STYLES = ['details', 'add', 'settings'];

/** Style sheets that are there, or on their way. @type {Map<string, Promise<void>>} */
const sheets = new Map();

/** Loads a part together with the messages and styles of all such parts. Rejects if one of them cannot be loaded.
 *  @template T @param {Pick<App, 'i18n'>} app @param {() => Promise<T>} load @returns {Promise<T>} */
export async function withMore(app, load) {
  const failed = () => { throw new Error('cannot load the messages of a part'); };
  const messages = app.i18n.loadMore().then((isLoaded) => isLoaded || failed());
  const [module] = await Promise.all([load(), messages, ...STYLES.map(loadStyle)]);
  return module;
}

/** @param {string} name @returns {Promise<void>} */
function loadStyle(name) {
  const known = sheets.get(name);
  if (known) return known;
  /** @type {Promise<void>} */
  const sheet = new Promise((resolve, reject) => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = new URL(`styles/${name}.css`, import.meta.url).href;
    link.addEventListener('load', () => resolve());
    link.addEventListener('error', () => {
      link.remove();
      sheets.delete(name);
      reject(new Error(`cannot load the styles of ${name}`));
    });
    document.head.append(link);
  });
  sheets.set(name, sheet);
  return sheet;
}
