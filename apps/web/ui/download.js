/** Downloads by a link. */

/** Downloads a URL, with the name that the server gives it, or another one.
 *  @param {string} url @param {string} [name] */
export function download(url, name = '') {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

/** Saves a text as a file of the browser. @param {string} name @param {string} text @param {string} [type] */
export function saveFile(name, text, type = 'text/plain') {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  download(url, name);
  // The download begins after this task.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
