/** Child processes: they report by JSON lines, and end by their process id within a bounded time. */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Time after SIGTERM until SIGKILL, in milliseconds. */
const PATIENCE_MS = 5000;
/** Lines of output that are kept for diagnostics. */
const TAIL = 200;

/** @type {Set<Program>} */
const running = new Set();

// A test run that is stopped must not leave processes behind.
process.on('exit', () => { for (const program of running) program.kill(); });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));

/** A process that runs until it is stopped. */
export class Program {
  /** @type {string[]} Last lines of both outputs. */
  tail = [];
  #waiting = /** @type {{ test: (event: any) => boolean, resolve: (event: any) => void }[]} */ ([]);
  #events = /** @type {any[]} */ ([]);

  /** @param {string} file @param {readonly string[]} args
   *  @param {{ env?: Record<string, string>, cwd?: string }} [options] */
  constructor(file, args, { env = {}, cwd } = {}) {
    this.name = [file.split('/').at(-1), ...args.slice(0, 3)].join(' ');
    this.child = spawn(file, args, { env: { ...process.env, ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#take(line));
    }
    this.child.on('error', (error) => this.tail.push(String(error)));
    this.ended = new Promise((resolve) => this.child.on('close', () => {
      running.delete(this);
      for (const { resolve } of this.#waiting.splice(0)) resolve(null);
      resolve(this.child.exitCode);
    }));
  }

  /** @param {string} line */
  #take(line) {
    this.tail.push(line);
    if (this.tail.length > TAIL) this.tail.shift();
    if (!line.startsWith('{')) return;
    let event;
    try { event = JSON.parse(line); } catch { return; }
    this.#events.push(event);
    if (this.#events.length > TAIL) this.#events.shift();
    this.#waiting = this.#waiting.filter(({ test, resolve }) => !test(event) || resolve(event));
  }

  get isRunning() { return running.has(this); }

  /** Resolves to the first event that passes a test. @param {(event: any) => boolean} test @param {number} [limitMs] */
  async event(test, limitMs = 60_000) {
    const known = this.#events.find(test);
    if (known) return known;
    let timer;
    const late = new Promise((resolve) => { timer = setTimeout(resolve, limitMs, null); });
    const event = this.isRunning
      ? await Promise.race([late, new Promise((resolve) => this.#waiting.push({ test, resolve }))]) : null;
    clearTimeout(timer);
    if (event) return event;
    throw new Error(`${this.name}: no event that was awaited; its last output:\n${this.tail.slice(-30).join('\n')}`);
  }

  /** Ends the process. Resolves when it is gone. */
  async stop() {
    if (!this.isRunning) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), PATIENCE_MS);
    await this.ended;
    clearTimeout(timer);
  }

  kill() { this.child.kill('SIGKILL'); }
}

/** Runs a program to its end and returns its output. Rejects if it fails or takes too long.
 *  @param {string} file @param {readonly string[]} args
 *  @param {{ env?: Record<string, string>, cwd?: string, limitMs?: number }} [options] @returns {Promise<string>} */
export async function run(file, args, { limitMs = 60_000, ...options } = {}) {
  const program = new Program(file, args, options);
  const out = /** @type {string[]} */ ([]);
  program.child.stdout.setEncoding('utf8').on('data', (text) => out.push(text));
  const timer = setTimeout(() => program.kill(), limitMs);
  const code = await program.ended;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${program.name}: exit code ${code}\n${program.tail.slice(-30).join('\n')}`);
  return out.join('');
}

/** Resolves when a condition holds. For what gives no event. @param {() => unknown} test @param {string} what
 *  @param {number} [limitMs] */
export async function until(test, what, limitMs = 30_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await test();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

