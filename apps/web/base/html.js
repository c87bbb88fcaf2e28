/**
 * Templates that build DOM nodes, with bindings that follow signals.
 *
 * A template is parsed once per call site and cloned per use. A function or a signal as a value is reactive: its
 * binding is an effect of the current scope. Only `@event` and `ref` take a function as it is. Strings become text
 * and attribute values, never HTML.
 */

/** @import { ReadonlySignal } from './signal.js' */
/** @import { Kind, TemplateElement, TemplateNode } from './template.js' */

import { computed, effect, inScope, isSignal, onCleanup, scope, signal, untracked } from './signal.js';
import { URL_NAMES, parseTemplate } from './template.js';

/** @template T @typedef {ReadonlySignal<T> | (() => T)} Reactive */
/** @typedef {{ path: number[], hole: number, bind: (node: any, value: any) => void }} Part
 *    Binding of an expression to the node that the child indexes of `path` lead to. */
/** @typedef {{ content: Node, parts: Part[] }} Compiled */

/** @type {WeakMap<TemplateStringsArray, Compiled>} */
const cache = new WeakMap();
const XHTML = 'http://www.w3.org/1999/xhtml', SVG = 'http://www.w3.org/2000/svg';

/** @type {Record<Exclude<Kind, '@' | 'ref'>, (element: any, name: string, value: any) => void>} */
const SETTERS = {
  '': (element, name, value) => {
    if (isNothing(value) || isScriptUrl(name, value)) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? '' : String(value));
  },
  '?': (element, name, value) => element.toggleAttribute(name, Boolean(value)),
  '.': (element, name, value) => { if (element[name] !== value) element[name] = value; },
  'class:': (element, name, value) => element.classList.toggle(name, Boolean(value)),
  'style:': (element, name, value) => element.style.setProperty(name, isNothing(value) ? '' : String(value)),
};

/** Builds the nodes of a template: an element if it has one root element, else a fragment.
 *  @param {TemplateStringsArray} strings @param {...unknown} values @returns {Node} */
export const html = (strings, ...values) => build(strings, values, false);

/** Builds the nodes of a template for the inside of an `<svg>` element.
 *  @param {TemplateStringsArray} strings @param {...unknown} values @returns {Node} */
export const svg = (strings, ...values) => build(strings, values, true);

/** Appends the content that `fn` returns to `parent`. Its bindings belong to a scope of their own.
 *  @param {Element} parent @param {() => unknown} fn @returns {() => void} ends the scope and removes the content */
export function mount(parent, fn) {
  const [start, end] = [new Comment(), new Comment()];
  const [nodes, dispose] = scope(() => toNodes(fn()));
  parent.append(start, ...nodes, end);
  return () => {
    dispose();
    arrange(parent, [], start, end);
    start.remove();
    end.remove();
  };
}

/** Shows one of two contents. Each is built again when the truth of the condition changes.
 *  @param {Reactive<unknown>} condition @param {() => unknown} then @param {() => unknown} [otherwise]
 *  @returns {() => unknown} child value of a template */
export function when(condition, then, otherwise = () => null) {
  const truth = computed(() => Boolean(read(condition)));
  return () => untracked(truth.value ? then : otherwise);
}

/** Shows one element per item. An item with a known key keeps its element, which moves if the order has changed; the
 *  bindings of the element read the item from a signal.
 *  @template T, K @param {Reactive<readonly T[]>} list @param {(item: T, index: number) => K} keyOf
 *  @param {(item: ReadonlySignal<T>, key: K) => Node} render returns one element
 *  @returns {() => Node[]} child value of a template */
export function each(list, keyOf, render) {
  /** @type {Map<K, { item: { value: T }, node: Element, dispose: () => void }>} */
  const rows = new Map();
  onCleanup(() => rows.forEach((row) => row.dispose()));

  /** @param {T} content @param {K} key */
  const createRow = (content, key) => {
    const item = signal(content);
    const [node, dispose] = scope(() => toElement(render(item, key)));
    return { item, node, dispose };
  };
  /** @param {readonly T[]} items */
  const update = (items) => {
    const keys = items.map(keyOf);
    const kept = new Set(keys);
    if (kept.size < keys.length) throw new Error('cannot show the list: two items have the same key');
    for (const [key, row] of rows) if (!kept.has(key) && rows.delete(key)) row.dispose();
    return keys.map((key, i) => {
      const row = rows.get(key) ?? createRow(items[i], key);
      rows.set(key, row);
      row.item.value = items[i];
      return row.node;
    });
  };
  return () => { const items = read(list); return untracked(() => update(items)); };
}

/** Makes `nodes` the content of `parent` between two of its children, or its edges. Moves few of the nodes that stay,
 *  and never the one with the focus, which would end the focus or scroll to it.
 *  @param {Node} parent @param {Node[]} nodes @param {Node | null} [start] @param {Node | null} [end] */
export function arrange(parent, nodes, start = null, end = null) {
  const newIndex = new Map(nodes.map((node, i) => /** @type {const} */ ([node, i])));
  /** @type {Map<Node | null | undefined, number>} */
  const oldIndex = new Map();
  for (let node = start ? start.nextSibling : parent.firstChild, next; node !== null && node !== end; node = next) {
    next = node.nextSibling;
    if (newIndex.has(node)) oldIndex.set(node, oldIndex.size);
    else node.remove();
  }
  const focused = nodes.find((node) => oldIndex.has(node) && node.contains(document.activeElement));
  let [next = end] = oldIndex.keys();
  nodes.forEach((node, i) => {
    // The nodes from `next` up to this one are passed over if they are fewer than those that precede `next` from
    // here on. They move when their turn comes.
    const passed = indexIn(oldIndex, node) - indexIn(oldIndex, next);
    const blocked = indexIn(newIndex, focused) > i && indexIn(oldIndex, focused) < indexIn(oldIndex, node);
    const passes = passed > 0 && passed < indexIn(newIndex, next) - i && !blocked;
    if (node === next || node === focused || passes) next = node.nextSibling;
    else parent.insertBefore(node, next);
  });
}

/** Returns an index or NaN, which is neither less nor greater than a number.
 *  @template K @param {Map<K, number>} indexes @param {K} key */
const indexIn = (indexes, key) => indexes.get(key) ?? NaN;

/** Checks that a row is one element. @param {Node} node @returns {HTMLElement} */
export function toElement(node) {
  if (node instanceof Element) return /** @type {HTMLElement} */ (node);
  throw new TypeError('cannot show a row: its template must have one root element');
}

/** @param {unknown} value */
const isNothing = (value) => value === null || value === undefined || value === false;

/** @param {unknown} value @returns {value is Reactive<any>} */
const isReactive = (value) => typeof value === 'function' || isSignal(value);

/** @template T @param {Reactive<T>} source @returns {T} */
const read = (source) => (typeof source === 'function' ? source() : source.value);

/** Warns of a URL that would run a script. Browsers skip control characters and spaces in the scheme.
 *  @param {string} name @param {unknown} value */
function isScriptUrl(name, value) {
  if (!URL_NAMES.has(name.toLowerCase()) || !/^javascript:/i.test(String(value).replace(/[\0- ]/g, ''))) return false;
  console.warn(`cannot set ${name}: ${JSON.stringify(value)} would run a script`);
  return true;
}

/** Calls `set` with the value and, if it is reactive, after each change.
 *  @param {unknown} value @param {(current: any) => void} set */
function follow(value, set) {
  if (!isReactive(value)) return set(value);
  if (!inScope()) throw new Error('cannot bind a reactive value: no scope is active; use mount');
  effect(() => { const current = read(value); untracked(() => set(current)); });
}

/** Returns the nodes of a child value; those of a reactive value lie between two markers.
 *  @param {unknown} value @returns {Node[]} */
function toNodes(value) {
  if (isNothing(value) || value === true) return [];
  if (typeof value === 'string' || typeof value === 'number') return [new Text(String(value))];
  if (value instanceof DocumentFragment) return [...value.childNodes];
  if (value instanceof Node) return [value];
  if (Array.isArray(value)) return value.flatMap(toNodes);
  if (!isReactive(value)) throw new TypeError(`cannot show a value of type ${typeof value}`);
  const [start, end] = [new Comment(), new Comment()];
  const fragment = new DocumentFragment();
  fragment.append(start, end);
  /** @type {Node | null} Text node that this binding has created. */
  let text = null;
  follow(value, (content) => {
    const isText = typeof content === 'string' || typeof content === 'number';
    if (isText && text) return void (text.nodeValue = String(content));
    const nodes = toNodes(content);
    text = isText ? nodes[0] : null;
    arrange(/** @type {Node} */ (start.parentNode), nodes, start, end);
  });
  return [...fragment.childNodes];
}

/** @param {Kind} kind @param {string} name @param {any} element @param {any} value */
function bindAttribute(kind, name, element, value) {
  if (kind === 'ref') value(element);
  else if (kind !== '@') follow(value, (current) => SETTERS[kind](element, name, current));
  // An event that an effect causes, such as focus, must not make the effect read what the handler reads.
  else if (value) element.addEventListener(name, (/** @type {Event} */ event) => untracked(() => value(event)));
}

/** @param {TemplateStringsArray} strings @param {unknown[]} values @param {boolean} isSvg */
function build(strings, values, isSvg) {
  const template = cache.get(strings) ?? compile(parseTemplate(strings, isSvg));
  cache.set(strings, template);
  const content = document.importNode(template.content, true);
  // Bindings add children, so all nodes are located first.
  const nodes = template.parts.map(({ path }) => path.reduce((node, i) => node.childNodes[i], content));
  template.parts.forEach((part, i) => part.bind(nodes[i], values[part.hole]));
  return content;
}

/** @param {TemplateElement} root @returns {Compiled} */
function compile(root) {
  // Elements of a document without a window load nothing, and custom elements stay inactive.
  const inert = document.implementation.createHTMLDocument('');
  /** @type {Part[]} */
  const parts = [];
  /** @param {TemplateNode} template @param {number[]} path @returns {Node} */
  const create = (template, path) => {
    if (typeof template === 'string') return inert.createTextNode(template);
    if ('hole' in template) {
      parts.push({ path, hole: template.hole, bind: (marker, value) => marker.replaceWith(...toNodes(value)) });
      return inert.createComment('');
    }
    const { tag, svg, attributes, children } = template;
    const element = tag === '' ? inert.createDocumentFragment() : inert.createElementNS(svg ? SVG : XHTML, tag);
    element.append(...children.map((child, i) => create(child, [...path, i])));
    // Attributes follow children, so that a select has its options before its value, and a ref sees all.
    for (const { kind, name, value } of attributes.values()) {
      if (typeof value === 'string') SETTERS[''](element, name, value);
      else parts.push({ path, hole: value, bind: (node, current) => bindAttribute(kind, name, node, current) });
    }
    return element;
  };
  const [only] = root.children;
  const single = root.children.length === 1 && typeof only === 'object' && 'tag' in only;
  return { content: create(single ? only : root, []), parts };
}
