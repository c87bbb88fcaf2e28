/**
 * Parser of template literals: a strict subset of HTML, read without a DOM.
 *
 * Every element is closed (`</p>` or `/>`), except the void ones. An expression is a child or a whole attribute
 * value. White space between tags is dropped if it contains a line break. There are no character references.
 */

/** @typedef {'' | '?' | '.' | '@' | 'class:' | 'style:' | 'ref'} Kind */
/** @typedef {{ kind: Kind, name: string, value: string | number }} Attribute A number is that of an expression. */
/** @typedef {{ tag: string, svg: boolean, attributes: Map<string, Attribute>, children: TemplateNode[] }}
 *    TemplateElement */
/** @typedef {string | { hole: number } | TemplateElement} TemplateNode Text, expression or element. */

const HOLE = '\0';
const VOID = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));
/** Attributes whose value is checked by the setter. The properties of the same names would bypass that. */
export const URL_NAMES = new Set(['href', 'src', 'action', 'formaction']);
/** Tags, attributes and properties that the content security policy forbids or that parse a string as HTML. */
const REFUSED = new Set(['script', 'style', 'srcdoc', 'innerhtml', 'outerhtml']);

/** Parses the static strings of a template. The roots are SVG elements if `svg` is true.
 *  @param {readonly string[]} strings @param {boolean} [svg] @returns {TemplateElement} root without a tag
 *  @throws {SyntaxError} with the place of the mistake */
export function parseTemplate(strings, svg = false) {
  const source = strings.join(HOLE);
  if (source.split(HOLE).length > strings.length) throw new SyntaxError('cannot parse a template with U+0000');
  const root = newElement('', svg);
  const open = [root];
  let at = 0, holes = 0;
  while (at < source.length) {
    const parent = open[open.length - 1];
    const text = take(/[^<\0]+/y);
    if (text !== null) addText(parent, text);
    else if (take(/\0/y)) parent.children.push({ hole: holes++ });
    else if (take(/<\//y)) {
      if (take(/[a-z][\w-]*/yi) !== parent.tag || !take(/\s*>/y)) fail(`</${parent.tag}> must follow`);
      open.pop();
    } else if (!take(/<!--[^\0]*?-->/y)) openElement(parent);
  }
  if (open.length > 1) fail(`<${open[open.length - 1].tag}> is not closed`);
  return root;

  /** @param {string} problem @returns {never} */
  function fail(problem) {
    const before = source.slice(Math.max(0, at - 60), at).replaceAll(HOLE, '${…}');
    throw new SyntaxError(`cannot parse the template: ${problem}, after "${before}"`);
  }

  /** Moves behind a match of the sticky pattern. Returns its text, or null. @param {RegExp} pattern */
  function take(pattern) {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0] ?? null;
    at += text?.length ?? 0;
    return text;
  }

  /** @param {TemplateElement} parent @param {string} text */
  function addText(parent, text) {
    if (/&#?\w+;/.test(text)) fail('write the character itself, not a character reference');
    if (/[^ \t\r\n]/.test(text) || !text.includes('\n')) parent.children.push(text);
  }

  /** @param {TemplateElement} parent */
  function openElement(parent) {
    take(/</y);
    const tag = take(/[a-z][\w-]*/yi) ?? fail('a tag name must follow "<"');
    if (REFUSED.has(tag.toLowerCase())) fail(`<${tag}> is not allowed`);
    const element = newElement(tag, tag === 'svg' || (parent.svg && parent.tag !== 'foreignObject'));
    parent.children.push(element);
    while (take(/\s+(?=[^\s/>])/y)) addAttribute(element);
    const end = take(/\s*\/?>/y) ?? fail('white space, ">" or "/>" must follow');
    if (!end.endsWith('/>') && !VOID.has(tag)) open.push(element);
  }

  /** @param {TemplateElement} element */
  function addAttribute({ attributes }) {
    const full = take(/[?.@]?[a-z]([\w:.-]*[\w-])?/yi) ?? fail('an attribute name must follow');
    const kind = /** @type {Kind} */ (/^([?.@]|class:|style:|ref$)?/.exec(full)?.[0]);
    const name = full.slice(kind.length);
    const lower = name.toLowerCase();
    if (kind.length < 2 && REFUSED.has(lower)) fail(`"${full}" is not allowed`);
    if (kind === '.' && URL_NAMES.has(lower)) fail(`write "${name}" in place of "${full}"`);
    if (attributes.has(full)) fail(`"${full}" occurs twice`);
    if (/^on/i.test(full)) fail(`write @${name.slice(2)}=\${…} in place of "${full}"`);
    /** @type {string | number} */
    let value = '';
    if (take(/=\0/y)) value = holes++;
    else if (kind !== '') fail(`"${full}" needs an expression`);
    else if (take(/=/y)) value = take(/"[^"\0]*"|'[^'\0]*'/y)?.slice(1, -1) ?? fail('a quoted text must follow');
    attributes.set(full, { kind, name, value });
  }
}

/** @param {string} tag @param {boolean} svg @returns {TemplateElement} */
const newElement = (tag, svg) => ({ tag, svg, attributes: new Map(), children: [] });
