/**
 * A daemon with data to look at: synthetic torrents that move, stopped ones with labels, and a real swarm for the
 * details.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hollowTorrent } from './bencode.mjs';
import { startDaemon } from './daemon.mjs';
import { startSwarm } from './swarm.mjs';

/** Names of the synthetic torrents. */
const NAMES = ['debian-13.2.0-amd64-netinst.iso', 'Big Buck Bunny (2008) [2160p]', 'archlinux-2026.11.01-x86_64.iso',
  'Sintel (2010) [1080p]', 'LibreOffice_26.2_Linux_x86-64_deb.tar.gz', 'wikipedia_en_all_maxi_2026-10.zim',
  'Проект Гутенберг: собрание сочинений', 'NASA Mars Perseverance, raw images', 'fedora-workstation-44-x86_64.iso',
  'Musopen Chopin, complete works [FLAC]', 'OpenStreetMap planet-261116.osm.pbf', 'مجموعة الكتب العربية المفتوحة',
  'FreeBSD-15.1-RELEASE-amd64-dvd1.iso', 'Ελεύθερα βιβλία 2026', 'Blender 6.0 demo files',
  'Hubble Heritage, full resolution'];
/** Stopped ones: name, size in MiB, category, tags, tracker. */
const LABELLED = /** @type {const} */ ([
  ['Tears of Steel (2012) [2160p]', 6230, 'video/film', 'open movie,4k', 'tracker.example.org'],
  ['Spring (2019) [2160p]', 3120, 'video/film', 'open movie,4k', 'tracker.example.org'],
  ['Cosmos Laundromat (2015) [1440p]', 1890, 'video/film', 'open movie', 'tracker.example.org'],
  ['Caminandes: Llamigos (2016)', 274, 'video/film', 'open movie', 'tracker.example.org'],
  ['Prelinger Archives, home movies', 48_300, 'video', 'public domain', 'archive.example.net'],
  ['LibriVox, the best of 2026', 2750, 'audio', 'public domain', 'archive.example.net'],
  ['The Goldberg Variations [FLAC 24-96]', 1610, 'audio', 'lossless', 'music.example.com'],
  ['kiwix stackoverflow.com_en_all_2026-09.zim', 71_400, 'books', 'offline', 'archive.example.net'],
  ['opensuse-tumbleweed-dvd-x86_64.iso', 4560, 'software/linux', 'stable', 'linux.example.org'],
  ['ubuntu-26.04.1-desktop-amd64.iso', 6010, 'software/linux', 'stable', 'linux.example.org'],
]);
const FILES = Object.fromEntries([
  ['Agent 327 - Operation Barbershop.mkv', 64], ['Extras/Storyboard.pdf', 9], ['Extras/Making of.mkv', 31],
  ['Extras/Concept art/Barber.png', 3], ['Extras/Concept art/Street.png', 4], ['Extras/Concept art/Agent.png', 3],
  ['Soundtrack/01 Opening.flac', 11], ['Soundtrack/02 The chair.flac', 14], ['Soundtrack/03 Chase.flac', 12],
  ['Subtitles/Agent 327.de.srt', 0.09], ['Subtitles/Agent 327.en.srt', 0.08], ['Subtitles/Agent 327.es.srt', 0.09],
  ['README.txt', 0.01],
].map(([path, mib]) => [path, Math.round(Number(mib) * 2 ** 20)]));

/** Name of the real torrent whose details are shown, and of one to add. */
export const SHOWN = 'Agent 327 (2017) [2160p]', TO_ADD = 'Charge (2022) [2160p]';

/** Starts it. @param {{ count?: number }} [options] number of synthetic torrents */
export async function startDemo({ count = NAMES.length } = {}) {
  const [daemon, swarm] = await Promise.all([
    startDaemon({ flags: ['--demo-torrents', String(count)], limitMs: 120_000 }), startSwarm(),
  ]);
  const act = (/** @type {number} */ id, /** @type {object} */ action) =>
    daemon.api('POST', '/torrents/actions', { torrents: [`id:${id}`], action });
  for (const [i, { id }] of (await daemon.torrents()).entries()) {
    const [name, round] = [NAMES[i % NAMES.length], Math.floor(i / NAMES.length)];
    await act(id, { kind: 'rename', name: round === 0 ? name : `${name}, part ${round + 1}` });
  }
  for (const [name, mib, category, tags, tracker] of LABELLED) {
    const path = join(daemon.dir, 'hollow.torrent');
    await writeFile(path, hollowTorrent(name, mib * 2 ** 20, `https://${tracker}/announce`));
    await daemon.cli('add', '--paused', '--category', category, '--tag', tags, path);
  }
  const seedFlags = (/** @type {number} */ host, /** @type {string} */ rate) =>
    ['--bind', `127.0.0.${host}`, '--limit-up', rate];
  const [shown, toAdd] = await Promise.all([
    swarm.make(SHOWN, { files: FILES, flags: ['--comment', 'An open movie of the Blender Foundation'],
      seedFlags: seedFlags(2, '330k') }),
    swarm.make(TO_ADD, { files: { 'Charge.mkv': 48 * 2 ** 20, 'Extras/Breakdown.mp4': 12 * 2 ** 20,
      'Subtitles/Charge.en.srt': 60_000, 'Subtitles/Charge.fr.srt': 61_000, 'poster.jpg': 900_000 } }),
  ]);
  await swarm.seed(shown, seedFlags(3, '210k'));
  await swarm.seed(shown, seedFlags(4, '90k'));
  await daemon.cli('add', '--category', 'video/film', '--tag', 'open movie,4k', shown.path);
  return { daemon, swarm, shown, toAdd, stop: () => Promise.all([daemon.stop(), swarm.stop()]) };
}
