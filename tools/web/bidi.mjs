/**
 * Firefox of the distribution by WebDriver BiDi: playwright-core drives only a Firefox that is as new as itself. The
 * client has what the flows need.
 */

import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { Program } from './program.mjs';
import { temporary } from './daemon.mjs';

const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';
const OPCODE = /** @type {const} */ ({ continuation: 0, text: 1, close: 8, ping: 9, pong: 10 });

/** @typedef {{ send: (text: string) => void, close: () => void }} Socket */

/** Opens a WebSocket, of which node 20 has no client. @param {string} url @param {(text: string) => void} onText
 *  @returns {Promise<Socket>} */
function connect(url, onText) {
  const { hostname, port, pathname } = new URL(url);
  const request = http.get({ hostname, port, path: pathname, headers: { Connection: 'Upgrade', Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': randomBytes(16).toString('base64') } });
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', ({ statusCode }) => reject(new Error(`${url}: no WebSocket, but status ${statusCode}`)));
    request.on('upgrade', (_, socket, head) => {
      let [rest, text] = [head, ''];
      /** @param {number} opcode @param {Buffer} content */
      const write = (opcode, content) => socket.write(frame(opcode, content));
      const onData = (/** @type {Buffer} */ data) => {
        rest = Buffer.concat([rest, data]);
        for (let next = parse(rest); next; next = parse(rest)) {
          rest = rest.subarray(next.size);
          if (next.opcode === OPCODE.ping) write(OPCODE.pong, next.content);
          if (next.opcode > OPCODE.text) continue;
          text += next.content.toString();
          if (next.isLast) onText(text);
          if (next.isLast) text = '';
        }
      };
      socket.on('data', onData).on('error', () => {});
      onData(Buffer.alloc(0));
      resolve({ send: (text) => write(OPCODE.text, Buffer.from(text)), close: () => socket.destroy() });
    });
  });
}

/** Returns a masked frame. @param {number} opcode @param {Buffer} content */
function frame(opcode, content) {
  const mask = randomBytes(4);
  const head = Buffer.alloc(content.length < 126 ? 2 : content.length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (head.length === 2 ? content.length : head.length === 4 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(content.length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(content.length), 2);
  return Buffer.concat([head, mask, content.map((byte, i) => byte ^ mask[i % 4])]);
}

/** Returns the first frame, or null while it is not complete. @param {Buffer} data */
function parse(data) {
  if (data.length < 2) return null;
  const short = data[1] & 0x7f;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (data.length < start) return null;
  const length = short < 126 ? short : short === 126 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
  if (data.length < start + length) return null;
  const content = data.subarray(start, start + length);
  return { size: start + length, isLast: data[0] >= 0x80, opcode: data[0] & 0x0f, content };
}

/** Starts Firefox with one page. @param {{ limitMs?: number }} [options] limit for each wait */
export async function launchFirefox({ limitMs = 30_000 } = {}) {
  const program = new Program(FIREFOX, ['--headless', '--no-remote', '--profile', temporary('firefox'),
    '--remote-debugging-port', '0'], { env: { MOZ_HEADLESS_WIDTH: '1440', MOZ_HEADLESS_HEIGHT: '900' } });
  const end = Date.now() + 90_000;
  let address;
  while (!(address = program.tail.map((line) => /WebDriver BiDi listening on (\S+)/.exec(line)?.[1]).find(Boolean))) {
    if (Date.now() > end || !program.isRunning) throw new Error(`no Firefox:\n${program.tail.join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  /** @type {Map<number, (answer: any) => void>} */
  const waiting = new Map();
  /** @type {string[]} */
  const messages = [];
  const socket = await connect(`${address}/session`, (text) => {
    const message = JSON.parse(text);
    if (message.method === 'log.entryAdded') messages.push(`${message.params.level}: ${message.params.text}`);
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
  });
  let lastId = 0;
  /** @param {string} method @param {object} params @returns {Promise<any>} */
  const send = async (method, params) => {
    const id = (lastId += 1);
    let timer;
    const answer = await new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${method}: no answer of Firefox`)), limitMs);
      waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
    clearTimeout(timer);
    if (answer.type === 'error') throw new Error(`${method}: ${answer.error}: ${answer.message}`);
    return answer.result;
  };
  await send('session.new', { capabilities: {} });
  await send('session.subscribe', { events: ['log.entryAdded'] });
  const { contexts: [{ context }] } = await send('browsingContext.getTree', {});

  /** Finds the elements of a role and an accessible name. @param {string} role @param {string} name */
  const locate = async (role, name) => (await send('browsingContext.locateNodes', {
    context, locator: { type: 'accessibility', value: { role, name } },
  })).nodes;
  /** Resolves to an element, once there is one. @param {string} role @param {string} name */
  const find = async (role, name) => {
    const end = Date.now() + limitMs;
    for (;;) {
      const [node] = await locate(role, name).catch(() => []);
      if (node) return node;
      if (Date.now() > end) throw new Error(`Firefox shows no ${role} with the name ${name}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  /** @param {object[]} actions @param {object} source */
  const perform = (actions, source) => send('input.performActions', { context, actions: [{ ...source, actions }] });

  return {
    messages, find,
    /** @param {string} url */
    goTo: (url) => send('browsingContext.navigate', { context, url, wait: 'complete' }),
    /** @param {string} role @param {string} name @param {number} [times] */
    click: async (role, name, times = 1) => {
      const node = await find(role, name);
      const press = [{ type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }];
      await perform([
        { type: 'pointerMove', x: 0, y: 0, origin: { type: 'element', element: { sharedId: node.sharedId } } },
        ...Array(times).fill(press).flat(),
      ], { type: 'pointer', id: 'mouse' });
    },
    /** Types into the element with the focus. @param {string} text */
    type: (text) => perform([...text].flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]),
      { type: 'key', id: 'keyboard' }),
    /** @returns {Promise<Buffer>} */
    screenshot: async () => Buffer.from((await send('browsingContext.captureScreenshot', { context })).data, 'base64'),
    close: async () => { socket.close(); await program.stop(); },
  };
}
