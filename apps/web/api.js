/**
 * Client of the native API: one method per route.
 *
 * A method resolves to the JSON of the answer. Every failure is an `ApiError`, except an abort by the signal of the
 * caller, which rejects with the reason of the signal, as `fetch` does.
 */

/** @import * as Api from './types.js' */

/** @typedef {{ signal?: AbortSignal }} Options */
/** @typedef {number | string} TorrentKey Id, or a term as in actions. */
/** @typedef {'GET' | 'POST' | 'PUT' | 'DELETE'} Method */
/** @typedef {object} Request
 *  @property {object} [body]
 *  @property {Iterable<readonly [string, string]>} [query]
 *  @property {boolean} [isLogin] true if 401 can mean a wrong password in the body */
/** @typedef {{ base?: string, fetch?: typeof fetch, onUnauthorized?: (error: ApiError) => void }} ApiConfig
 *    `base` is the path before `/api/v1`, without a slash at its end. */

const ROOT = '/api/v1';
/** Longest text of an answer that is not a problem object, in characters. */
const MAX_TEXT = 200;

/** Failure of a request. `message` is in plain words, for users. */
export class ApiError extends Error {
  /** @param {string} kind kind of the problem; `network` if no answer arrived, `protocol` if it is not one of the API
   *  @param {number} status status of the HTTP answer, 0 without one
   *  @param {string} message
   *  @param {{ cause?: unknown, retryAfterS?: number | null }} [more] */
  constructor(kind, status, message, { cause, retryAfterS = null } = {}) {
    super(message, { cause });
    this.name = 'ApiError';
    this.kind = kind;
    this.status = status;
    /** Time after which a retry may succeed; null if the server does not say. */
    this.retryAfterS = retryAfterS;
  }
}

/** Returns a list query as pairs for a URL. Leaves out what is the default.
 *  @param {Api.ListQuery} query @returns {[string, string][]} */
export function listPairs(query) {
  /** @type {[string, string][]} */
  const pairs = [];
  for (const name of /** @type {const} */ (['select', 'state', 'category', 'tag', 'tracker', 'dir'])) {
    for (const value of query[name] ?? []) pairs.push([name, value]);
  }
  if (typeof query.search === 'string') pairs.push(['search', query.search]);
  for (const key of query.sort ?? []) pairs.push(['sort', key]);
  if (query.offset) pairs.push(['offset', String(query.offset)]);
  if (typeof query.limit === 'number') pairs.push(['limit', String(query.limit)]);
  if (typeof query.since === 'number') pairs.push(['since', String(query.since)]);
  for (const name of /** @type {const} */ (['all_tags', 'any', 'is_regex', 'counts', 'ids_only'])) {
    if (query[name]) pairs.push([name, 'true']);
  }
  return pairs;
}

/** Joins parts of a path, each escaped. A part that a URL would resolve as a step is refused, as it would lead to
 *  another route. @param {...TorrentKey} parts */
function pathOf(...parts) {
  return parts.map((part) => {
    const text = String(part);
    if (text === '' || text === '.' || text === '..') {
      throw new ApiError('bad_request', 0, `cannot use ${JSON.stringify(text)} in a path`);
    }
    // Names of other programs may contain half of a surrogate pair, which encodeURIComponent refuses.
    return `/${encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, '\ufffd'))}`;
  }).join('');
}

/** Creates a client. @param {ApiConfig} [config] */
export function createApi({ base = '', fetch = globalThis.fetch.bind(globalThis), onUnauthorized } = {}) {
  /** @param {string} path @param {Iterable<readonly [string, string]>} [query] */
  const urlOf = (path, query = []) => {
    const text = new URLSearchParams([...query].map(([name, value]) => [name, value])).toString();
    return `${base}${ROOT}${path}${text && '?'}${text}`;
  };

  /** @template T
   *  @param {Method} method @param {string} path @param {Options} [options] @param {Request} [request]
   *  @returns {Promise<T>} */
  const send = async (method, path, { signal } = {}, { body, query, isLogin = false } = {}) => {
    /** @type {Record<string, string>} */
    const headers = { Accept: 'application/json' };
    if (body) headers['Content-Type'] = 'application/json';
    const init = { method, headers, signal, ...(body && { body: JSON.stringify(body) }) };
    try {
      const response = await fetch(urlOf(path, query), { ...init, credentials: 'same-origin', cache: 'no-store' });
      return await resultOf(response);
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      const error = cause instanceof ApiError ? cause
        : new ApiError('network', 0, 'cannot reach the server: no answer arrived; check the connection', { cause });
      if (error.status === 401 && !isLogin) onUnauthorized?.(error);
      throw error;
    }
  };
  /** A path that cannot be used rejects the promise, rather than throws.
   *  @template T @param {Method} method @param {TorrentKey[]} parts @param {Options} [options]
   *  @param {Request} [request] @returns {Promise<T>} */
  const call = async (method, parts, options, request) => send(method, pathOf(...parts), options, request);

  return {
    /** @param {Options} [options] @returns {Promise<Api.Daemon>} */
    daemon: (options) => call('GET', ['daemon'], options),
    /** @param {Options} [options] @returns {Promise<Api.Statistics>} */
    statistics: (options) => call('GET', ['statistics'], options),
    /** Rates over 300, 3600, 86400, 604800 or 2592000 seconds.
     *  @param {number} spanS @param {Options} [options] @returns {Promise<Api.History>} */
    history: (spanS, options) =>
      call('GET', ['statistics', 'history'], options, { query: [['span_s', String(spanS)]] }),
    /** @param {Options} [options] @returns {Promise<Api.LimitsChange>} */
    alternativeLimits: (options) => call('GET', ['limits', 'alternative'], options),
    /** @param {Api.LimitsChoice} limits @param {Options} [options] @returns {Promise<Api.LimitsChange>} */
    setAlternativeLimits: (limits, options) => call('PUT', ['limits', 'alternative'], options, { body: { limits } }),
    /** Lines after the line `since`, of `level` and more severe ones, about one torrent or all.
     *  @param {{ since?: number, level?: string, limit?: number, torrent?: number }} [query]
     *  @param {Options} [options] @returns {Promise<Api.LogLine[]>} */
    log: (query = {}, options) => {
      const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
      return call('GET', ['log'], options, { query: pairs.map(([name, value]) => [name, String(value)]) });
    },

    /** @param {Options} [options] @returns {Promise<Api.LoginState>} */
    session: (options) => call('GET', ['session'], options),
    /** @param {Api.Login} login @param {Options} [options] @returns {Promise<Api.LoginState>} */
    beginSession: (login, options) => call('POST', ['session'], options, { body: login, isLogin: true }),
    /** @param {Options} [options] @returns {Promise<Api.Done>} */
    endSession: (options) => call('DELETE', ['session'], options),
    /** @param {Options} [options] @returns {Promise<Api.LoginLink>} */
    createLoginLink: (options) => call('POST', ['session', 'link'], options),
    /** @param {Options} [options] @returns {Promise<Api.Account>} */
    account: (options) => call('GET', ['account'], options),
    /** @param {Api.AccountChange} change @param {Options} [options] @returns {Promise<Api.Account>} */
    changeAccount: (change, options) => call('PUT', ['account'], options, { body: change, isLogin: true }),
    /** @param {Options} [options] @returns {Promise<Api.Token[]>} */
    tokens: (options) => call('GET', ['tokens'], options),
    /** @param {string} name @param {Options} [options] @returns {Promise<Api.NewToken>} */
    addToken: (name, options) => call('POST', ['tokens'], options, { body: { name } }),
    /** @param {string} name @param {Options} [options] @returns {Promise<Api.Done>} */
    removeToken: (name, options) => call('DELETE', ['tokens', name], options),

    /** @param {Api.ListQuery} [query] @param {Options} [options] @returns {Promise<Api.List>} */
    list: (query = {}, options) => call('GET', ['torrents'], options, { query: listPairs(query) }),
    /** Ids of the torrents of a list, in order.
     *  @param {Api.ListQuery} query @param {Options} [options] @returns {Promise<number[]>} */
    ids: async (query, options) => {
      /** @type {Api.List} */
      const { ids } = await call('GET', ['torrents'], options, { query: listPairs({ ...query, ids_only: true }) });
      return ids ?? [];
    },
    /** @param {Api.AddRequest} request @param {Options} [options] @returns {Promise<Api.AddResult>} */
    add: (request, options) => call('POST', ['torrents'], options, { body: request }),
    /** @param {Api.ActionRequest} request @param {Options} [options] @returns {Promise<Api.ActionResult>} */
    act: (request, options) => call('POST', ['torrents', 'actions'], options, { body: request }),
    /** @param {TorrentKey} torrent @param {Options} [options] @returns {Promise<Api.Detail>} */
    detail: (torrent, options) => call('GET', ['torrents', torrent], options),
    /** @param {TorrentKey} torrent @param {Options} [options] @returns {Promise<Api.File[]>} */
    files: (torrent, options) => call('GET', ['torrents', torrent, 'files'], options),
    /** @param {TorrentKey} torrent @param {Options} [options] @returns {Promise<Api.Peer[]>} */
    peers: (torrent, options) => call('GET', ['torrents', torrent, 'peers'], options),
    /** With `secrets`, announce URLs are whole: they contain passkeys.
     *  @param {TorrentKey} torrent @param {Options} [options] @param {boolean} [secrets]
     *  @returns {Promise<Api.Tracker[]>} */
    trackers: (torrent, options, secrets = false) =>
      call('GET', ['torrents', torrent, 'trackers'], options, { query: secrets ? [['secrets', 'true']] : [] }),
    /** @param {TorrentKey} torrent @param {Options} [options] @returns {Promise<Api.WebSeed[]>} */
    webSeeds: (torrent, options) => call('GET', ['torrents', torrent, 'web-seeds'], options),
    /** @param {TorrentKey} torrent @param {Options} [options] @returns {Promise<Api.Pieces>} */
    pieces: (torrent, options) => call('GET', ['torrents', torrent, 'pieces'], options),
    /** Creates a link to a file that needs no credentials. Its path follows the address of the daemon.
     *  @param {TorrentKey} torrent @param {number} index @param {Api.DownloadLinkRequest} [request]
     *  @param {Options} [options] @returns {Promise<Api.DownloadLink>} */
    link: (torrent, index, request = {}, options) =>
      call('POST', ['torrents', torrent, 'files', index, 'link'], options, { body: request }),
    /** URL of the content of a file, for a download. @param {TorrentKey} torrent @param {number} index */
    contentUrl: (torrent, index) => urlOf(pathOf('torrents', torrent, 'files', index, 'content')),
    /** URL of the torrent file, for a download. @param {TorrentKey} torrent */
    torrentFileUrl: (torrent) => urlOf(pathOf('torrents', torrent, 'torrent-file')),

    /** Looks into a torrent without adding it. Waits up to a minute for the metadata of a magnet link.
     *  @param {Api.AddSource} source @param {Options} [options] @returns {Promise<Api.Preview>} */
    inspect: (source, options) => call('POST', ['preview'], options, { body: { source } }),
    /** Describes a folder on the machine of the daemon.
     *  @param {string} dir @param {Options} [options] @returns {Promise<Api.Folder>} */
    folders: (dir, options) => call('GET', ['folders'], options, { query: [['dir', dir]] }),
    /** @param {Options} [options] @returns {Promise<Api.Creation[]>} */
    creations: (options) => call('GET', ['creations'], options),
    /** Begins to create a torrent of files on the machine of the daemon.
     *  @param {Api.CreationRequest} request @param {Options} [options] @returns {Promise<Api.NewCreation>} */
    create: (request, options) => call('POST', ['creations'], options, { body: request }),
    /** Cancels a creation, or forgets one that has ended.
     *  @param {number} id @param {Options} [options] @returns {Promise<Api.Done>} */
    removeCreation: (id, options) => call('DELETE', ['creations', id], options),
    /** URL of the torrent file of a creation, for a download. @param {number} id */
    creationFileUrl: (id) => urlOf(pathOf('creations', id, 'torrent-file')),

    /** @param {Options} [options] @returns {Promise<Api.Category[]>} */
    categories: (options) => call('GET', ['categories'], options),
    /** @param {string} path @param {Api.CategoryEdit} edit @param {Options} [options]
     *  @returns {Promise<Api.Put>} */
    putCategory: (path, edit, options) =>
      call('PUT', ['categories', 'by-path', ...path.split('/')], options, { body: edit }),
    /** @param {string} from @param {string} to @param {Options} [options] @returns {Promise<Api.Done>} */
    renameCategory: (from, to, options) => call('POST', ['categories', 'rename'], options, { body: { from, to } }),
    /** @param {string} path @param {Options} [options] @returns {Promise<Api.Done>} */
    removeCategory: (path, options) => call('DELETE', ['categories', 'by-path', ...path.split('/')], options),
    /** @param {Options} [options] @returns {Promise<Api.Tag[]>} */
    tags: (options) => call('GET', ['tags'], options),
    /** @param {string} name @param {Options} [options] @returns {Promise<Api.Put>} */
    createTag: (name, options) => call('PUT', ['tags', 'by-name', name], options),
    /** @param {string} from @param {string} to @param {Options} [options] @returns {Promise<Api.Done>} */
    renameTag: (from, to, options) => call('POST', ['tags', 'rename'], options, { body: { from, to } }),
    /** @param {string} name @param {Options} [options] @returns {Promise<Api.Done>} */
    removeTag: (name, options) => call('DELETE', ['tags', 'by-name', name], options),

    /** @param {Options} [options] @returns {Promise<Api.Setting[]>} */
    settings: (options) => call('GET', ['settings'], options),
    /** @param {string} key @param {Options} [options] @returns {Promise<Api.Setting>} */
    setting: (key, options) => call('GET', ['settings', key], options),
    /** A text is parsed as in the configuration file.
     *  @param {string} key @param {Api.SettingValue} value @param {Options} [options]
     *  @returns {Promise<Api.Setting>} */
    changeSetting: (key, value, options) => call('PUT', ['settings', key], options, { body: { value } }),
    /** @param {string} key @param {Options} [options] @returns {Promise<Api.Setting>} */
    resetSetting: (key, options) => call('DELETE', ['settings', key], options),

    /** @param {Options} [options] @returns {Promise<Api.Ports>} */
    ports: (options) => call('GET', ['ports'], options),
    /** @param {Options} [options] @returns {Promise<Api.Ban[]>} */
    bans: (options) => call('GET', ['bans'], options),
    /** @param {Api.BanRequest} request @param {Options} [options] @returns {Promise<Api.Done>} */
    ban: (request, options) => call('POST', ['bans'], options, { body: request }),
    /** @param {string} address @param {Options} [options] @returns {Promise<Api.Done>} */
    unban: (address, options) => call('DELETE', ['bans'], options, { query: [['address', address]] }),
    /** @param {Options} [options] @returns {Promise<Api.IpFilter>} */
    ipFilter: (options) => call('GET', ['ip-filter'], options),
    /** @param {Options} [options] @returns {Promise<Api.Done>} */
    refreshIpFilter: (options) => call('POST', ['ip-filter', 'refresh'], options),

    /** @param {Options} [options] @returns {Promise<Api.WatchFolder[]>} */
    watchFolders: (options) => call('GET', ['watch-folders'], options),
    /** @param {string} dir @param {Api.WatchFolderEdit} edit @param {Options} [options]
     *  @returns {Promise<Api.Put>} */
    putWatchFolder: (dir, edit, options) =>
      call('PUT', ['watch-folders'], options, { body: edit, query: [['dir', dir]] }),
    /** @param {string} dir @param {Options} [options] @returns {Promise<Api.Done>} */
    removeWatchFolder: (dir, options) => call('DELETE', ['watch-folders'], options, { query: [['dir', dir]] }),
    /** @param {Options} [options] @returns {Promise<Api.Done>} */
    scanWatchFolders: (options) => call('POST', ['watch-folders', 'scan'], options),
  };
}

/** Reads the JSON of an answer. @param {Response} response @returns {Promise<any>} */
async function resultOf(response) {
  const text = await response.text();
  const { status } = response;
  /** @type {any} */
  let content;
  try { content = JSON.parse(text); } catch (cause) {
    if (response.ok) throw new ApiError('protocol', status, 'cannot use the answer: it is not JSON', { cause });
  }
  if (response.ok) return content;
  const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  const retryAfterS = Number.isFinite(seconds) ? Math.max(0, seconds) : null;
  if (typeof content?.type === 'string' && typeof content.detail === 'string') {
    throw new ApiError(content.type, status, content.detail, { retryAfterS });
  }
  // A reverse proxy answers with a page of its own.
  const kind = status === 401 ? 'unauthorized' : 'protocol';
  const shown = /^\s*</.test(text) ? '' : text.trim().slice(0, MAX_TEXT);
  const message = `the server answered with status ${status}${shown && `: ${shown}`}`;
  throw new ApiError(kind, status, message, { retryAfterS });
}
