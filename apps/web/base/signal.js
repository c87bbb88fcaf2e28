/**
 * Signals: values that record their readers.
 *
 * A write marks everything that depends on it. A computed value runs again only when it is read, so that no reader
 * sees a mixture of old and new values. It subscribes to its sources only while an effect needs it; otherwise no
 * source refers to it, and the garbage collector can free it.
 */

/** @template T @typedef {{ readonly value: T, peek(): T }} ReadonlySignal `peek` reads without recording it. */
/** @template T @typedef {{ value: T, peek(): T }} Signal */
/** @typedef {Set<() => void>} Cleanups */

/** Passes of one flush after which effects that keep triggering each other are stopped. */
const MAX_PASSES = 100;
/** Content of a computed value before its first run. */
const UNSET = Symbol('unset');

/** @type {Cell | null} Computed value or effect that runs now. */
let reader = null;
/** @type {Cleanups | null} Scope that owns the effects and cleanups created now. */
let owner = null;
/** @type {Effect[]} Effects whose sources may have changed. */
let queue = [];
/** Number of writes to any signal. */
let epoch = 0;
/** Number of computed values that run now. */
let computing = 0;
let batchDepth = 0, lastEffectId = 0, flushing = false;

/** Content of a computed value that throws. */
class Failure {
  /** @param {unknown} error */
  constructor(error) { this.error = error; }
}

/** Node of the graph of reads: a signal, a computed value (with `fn`) or an effect. */
class Cell {
  /** @type {Set<Cell>} */
  observers = new Set();
  /** @type {Map<Cell, unknown>} Content of each source at its first read, in the order of the reads. */
  sources = new Map();
  /** True while the cell is subscribed to its sources. */
  live = false;
  /** True if a source of a live cell may have changed. */
  stale = false;
  running = false;
  /** Epoch of the last check of the sources. */
  checkedAt = -1;

  /** @param {any} content @param {() => unknown} [fn] */
  constructor(content, fn) {
    this.content = content;
    this.fn = fn;
  }

  get value() {
    this.refresh();
    reader?.observe(this);
    return this.peek();
  }

  set value(content) {
    if (this.fn || computing > 0) throw new Error('cannot write a computed value, or a signal inside of one');
    if (Object.is(content, this.content)) return;
    this.content = content;
    epoch += 1;
    this.notifyObservers();
  }

  peek() {
    this.refresh();
    if (this.content instanceof Failure) throw this.content.error;
    return this.content;
  }

  /** Brings the content of a computed value up to date. */
  refresh() {
    if (this.running) throw new Error('cannot compute a value that depends on itself');
    if (!this.fn || this.checkedAt === epoch || (this.live && !this.stale)) return;
    this.checkedAt = epoch;
    this.stale = false;
    if (this.content !== UNSET && !this.sourcesChanged()) return;
    this.running = true;
    computing += 1;
    try { this.content = this.track(this.fn, null); } catch (error) { this.content = new Failure(error); }
    computing -= 1;
    this.running = false;
  }

  notify() {
    if (this.stale) return;
    this.stale = true;
    this.notifyObservers();
  }

  notifyObservers() { for (const cell of this.observers) cell.notify(); }

  sourcesChanged() {
    for (const [source, content] of this.sources) {
      source.refresh();
      if (!Object.is(source.content, content)) return true;
    }
    return false;
  }

  /** Runs `fn`, records its reads, and unsubscribes from sources that it no longer reads.
   *  @param {() => unknown} fn @param {Cleanups | null} scope */
  track(fn, scope) {
    const before = this.sources;
    this.sources = new Map();
    try { return within(this, scope, fn); } finally {
      for (const source of before.keys()) if (!this.live || !this.sources.has(source)) source.link(this, false);
    }
  }

  /** @param {Cell} source */
  observe(source) {
    if (this.sources.has(source)) return;
    this.sources.set(source, source.content);
    if (this.live) source.link(this, true);
  }

  /** Adds or removes an observer. @param {Cell} cell @param {boolean} added */
  link(cell, added) {
    this.observers[added ? 'add' : 'delete'](cell);
    if (this.live !== this.observers.size > 0) this.setLive(!this.live);
  }

  /** @param {boolean} live */
  setLive(live) {
    this.live = live;
    for (const source of this.sources.keys()) source.link(this, live);
  }
}

/** Effect: `stale` while it is in the queue, not `live` after its disposal. */
class Effect extends Cell {
  id = (lastEffectId += 1);
  /** @type {Cleanups} */
  cleanups = new Set();

  notifyObservers() { if (queue.push(this) === 1) queueMicrotask(flush); }

  run() {
    clean(this.cleanups);
    attempt(() => this.track(/** @type {() => void} */ (this.fn), this.cleanups));
    if (!this.live) clean(this.cleanups);
  }
}

/** Creates a signal. A write of a value that is the same by `Object.is` changes nothing.
 *  @template T @param {T} initial @returns {Signal<T>} */
export const signal = (initial) => new Cell(initial);

/** Creates a value that is computed when it is read, and kept until a signal that it read changes.
 *  `fn` writes no signal. Its error is thrown to each reader.
 *  @template T @param {() => T} fn @returns {ReadonlySignal<T>} */
export const computed = (fn) => new Cell(UNSET, fn);

/** Runs `fn` now, and again after changes of the signals that it read. The current scope owns the effect.
 *  An error of `fn` is reported; the effect stays and runs again after the next change.
 *  @param {() => void} fn @returns {() => void} disposes the effect */
export function effect(fn) {
  const cell = new Effect(undefined, fn);
  const scope = owner;
  const dispose = () => { scope?.delete(dispose); cell.setLive(false); clean(cell.cleanups); };
  scope?.add(dispose);
  cell.setLive(true);
  cell.run();
  return dispose;
}

/** Calls `fn` before the current effect runs again, or when the current scope is disposed.
 *  @param {() => void} fn */
export function onCleanup(fn) {
  if (owner === null) throw new Error('cannot register a cleanup: no scope is active');
  owner.add(() => fn()); // The set would keep only one copy of a function that is registered twice.
}

/** Runs `fn` in a scope of its own, which ends only when the returned function is called.
 *  @template T @param {() => T} fn @returns {[result: T, dispose: () => void]} */
export function scope(fn) {
  /** @type {Cleanups} */
  const cleanups = new Set();
  const dispose = () => clean(cleanups);
  try { return [within(null, cleanups, fn), dispose]; } catch (error) {
    dispose();
    throw error;
  }
}

/** Returns true if a scope is active, so that effects created now have an owner. */
export const inScope = () => owner !== null;

/** Runs `fn` without recording its reads. @template T @param {() => T} fn @returns {T} */
export const untracked = (fn) => within(null, owner, fn);

/** Runs `fn`, then all waiting effects. Nested calls run them once, at the end of the outermost.
 *  @template T @param {() => T} fn @returns {T} */
export function batch(fn) {
  batchDepth += 1;
  try { return fn(); } finally {
    batchDepth -= 1;
    if (batchDepth === 0) flush();
  }
}

/** @param {unknown} value @returns {value is ReadonlySignal<any>} */
export const isSignal = (value) => value instanceof Cell;

function flush() {
  if (flushing || computing > 0) return;
  flushing = true;
  for (let pass = 0; queue.length > 0; pass += 1) {
    // In the order of creation, a parent runs before its children and disposes those that no longer apply.
    const effects = queue.sort((a, b) => a.id - b.id);
    queue = [];
    if (pass === MAX_PASSES) attempt(() => { throw new Error('effects stopped: they trigger each other'); });
    for (const cell of effects) {
      cell.stale = false;
      if (cell.live && pass < MAX_PASSES) attempt(() => cell.sourcesChanged() && cell.run());
    }
  }
  flushing = false;
}

/** @template T @param {Cell | null} cell @param {Cleanups | null} scope @param {() => T} fn @returns {T} */
function within(cell, scope, fn) {
  const outer = { reader, owner };
  [reader, owner] = [cell, scope];
  try { return fn(); } finally { ({ reader, owner } = outer); }
}

/** Runs the cleanups, the last registered first. @param {Cleanups} cleanups */
function clean(cleanups) {
  const pending = [...cleanups].reverse();
  cleanups.clear();
  for (const fn of pending) attempt(() => within(null, null, fn));
}

/** Runs `fn` and reports its error. @param {() => void} fn */
function attempt(fn) {
  try { fn(); } catch (error) { (globalThis.reportError ?? console.error)(error); }
}
