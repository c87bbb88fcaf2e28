"""What the interop suite does with libtorrent: makes torrents, and is a peer.

The peer checks what is in its folder, fetches what is missing, prints DONE when it has everything, and goes on seeding.
"""

import argparse
import functools
import operator
import os
import sys
import time

import libtorrent as lt

FLAGS = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}

ALERTS = ["connect_notification", "error_notification", "peer_notification", "status_notification", "tracker_notification"]


def make(options):
    path = os.path.abspath(options.path)
    torrent = lt.create_torrent(lt.list_files(path), options.piece_length, FLAGS[options.format])
    torrent.add_tracker(options.tracker)
    lt.set_piece_hashes(torrent, os.path.dirname(path))
    with open(options.output, "wb") as output:
        output.write(lt.bencode(torrent.generate()))


def peer(options):
    session = lt.session({
        "listen_interfaces": f"{options.bind}:{options.port}",
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_outgoing_utp": False, "enable_incoming_utp": False,
        "alert_mask": functools.reduce(operator.or_, (getattr(lt.alert.category_t, name) for name in ALERTS)),
    })
    parameters = lt.load_torrent_file(options.torrent)
    parameters.save_path = options.folder
    parameters.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    torrent = session.add_torrent(parameters)
    done = False
    while True:
        for alert in session.pop_alerts():
            print(f"{type(alert).__name__}: {alert.message()}", flush=True)
        if not done and torrent.status().is_seeding:
            done = True
            print("DONE", flush=True)
        time.sleep(0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("make")
    command.add_argument("--format", choices=FLAGS, required=True)
    command.add_argument("--piece-length", type=int, required=True)
    command.add_argument("--tracker", required=True)
    command.add_argument("--output", required=True)
    command.add_argument("path")
    command.set_defaults(run=make)

    command = commands.add_parser("peer")
    command.add_argument("--bind", required=True)
    command.add_argument("--port", type=int, required=True)
    command.add_argument("torrent")
    command.add_argument("folder")
    command.set_defaults(run=peer)

    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())
