/** What the first view does not need: messages and style sheets of the parts that are loaded later. */

/** @import { App } from './app.js' */

const STYLES = ['details', 'add', 'settings'];

/** @type {Promise<unknown> | null} */
let styles = null;

/** Loads a part together with the messages and styles of all such parts. Rejects if one of them cannot be loaded.
 *  @template T @param {Pick<App, 'i18n'>} app @param {() => Promise<T>} load @returns {Promise<T>} */
export async function withMore(app, load) {
  styles ??= Promise.all(STYLES.map(loadStyle));
  const failed = () => { throw new Error('cannot load the messages of a part'); };
  try {
    const [module] = await Promise.all([load(), styles, app.i18n.loadMore().then((isLoaded) => isLoaded || failed())]);
    return module;
  } catch (error) {
    styles = null;
    throw error;
  }
}

/** @param {string} name @returns {Promise<void>} */
function loadStyle(name) {
  return new Promise((resolve, reject) => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = new URL(`styles/${name}.css`, import.meta.url).href;
    link.addEventListener('load', () => resolve());
    link.addEventListener('error', () => {
      link.remove();
      reject(new Error(`cannot load the styles of ${name}`));
    });
    document.head.append(link);
  });
}
