/** Text of others for display: names of torrents, files, peers and trackers. */

/** Control characters, separators of lines, and marks that change the direction of the text around them. */
const HIDDEN = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Replaces each character that would not show, or would change how others show. The element with the text has
 *  `dir="auto"`. @param {string} text */
export const cleanText = (text) => text.replace(HIDDEN, (character) => {
  const code = character.charCodeAt(0);
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd';
});
