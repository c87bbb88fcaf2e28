/** Plural forms for the message catalogues. */

/** @import { Format } from '../format.js' */

/** @typedef {{ zero?: string, one?: string, two?: string, few?: string, many?: string, other: string }} Forms */

/** Returns a function that chooses a form by a count, and puts the count in place of each `#`.
 *  @param {string} locale */
export function plural(locale) {
  const rules = new Intl.PluralRules(locale);
  /** @param {number} count @param {Pick<Format, 'count'>} format @param {Forms} forms */
  return (count, format, forms) => {
    const form = forms[rules.select(count)] ?? forms.other;
    return form.replaceAll('#', () => format.count(count));
  };
}
