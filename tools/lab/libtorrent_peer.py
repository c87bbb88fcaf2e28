"""libtorrent for the interop suite and the benchmark: makes torrents, runs a peer, checks data.

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


# For measuring: enough connections and slots for all peers, and alerts only of errors.
FAST = {
    "connections_limit": 2000, "unchoke_slots_limit": -1, "allow_multiple_connections_per_ip": True,
    "out_enc_policy": lt.enc_policy.disabled, "in_enc_policy": lt.enc_policy.disabled,
    "active_limit": -1, "active_downloads": -1, "active_seeds": -1,
}


FORCED = {"out_enc_policy": lt.enc_policy.forced, "in_enc_policy": lt.enc_policy.forced}
ENCRYPTION = {
    "usual": {},
    "off": {"out_enc_policy": lt.enc_policy.disabled, "in_enc_policy": lt.enc_policy.disabled},
    "header": {"allowed_enc_level": lt.enc_level.plaintext, **FORCED},
    "rc4": {"allowed_enc_level": lt.enc_level.rc4, "prefer_rc4": True, **FORCED},
}


def alert_mask(names):
    return functools.reduce(operator.or_, (getattr(lt.alert.category_t, name) for name in names))


def start_session(options, **more):
    return lt.session({
        "listen_interfaces": f"{options.bind}:{options.port}",
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_outgoing_utp": False, "enable_incoming_utp": False,
        **more,
    })


# In a network of a few hosts all nodes share a few addresses.
SMALL_DHT = {
    "enable_dht": True, "dht_restrict_routing_ips": False, "dht_restrict_search_ips": False,
    "dht_enforce_node_id": False, "dht_prefer_verified_node_ids": False, "dht_ignore_dark_internet": False,
    "dht_block_ratelimit": 10000, "dht_upload_rate_limit": 10000000, "dht_max_peers_reply": 100, "allow_multiple_connections_per_ip": True,
}


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def add_torrent(session, path, folder, trust=False, super_seeding=False):
    if path.startswith("magnet:"):
        parameters = lt.parse_magnet_uri(path)
    else:
        parameters = lt.load_torrent_file(path)
    parameters.save_path = folder
    parameters.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if trust:
        parameters.flags |= lt.torrent_flags.seed_mode
    if super_seeding:
        parameters.flags |= lt.torrent_flags.super_seeding
    return session.add_torrent(parameters)


def peer(options):
    ways = dict(ENCRYPTION[options.encryption])
    if options.utp:
        ways.update(enable_outgoing_utp=True, enable_incoming_utp=True, enable_outgoing_tcp=False, enable_incoming_tcp=False)
    if options.fast:
        session = start_session(options, alert_mask=alert_mask(["error_notification"]), **{**FAST, **ways})
    else:
        more = {"enable_lsd": options.local, **ways}
        if options.only_from_bind:
            more.update(outgoing_interfaces=options.bind)
        if options.dht:
            more.update(SMALL_DHT, dht_bootstrap_nodes=options.dht)
        if options.idle:
            more.update(download_rate_limit=1000, unchoke_slots_limit=0)
        alerts = ALERTS + ["stats_notification"] * bool(options.dht) + ["peer_log_notification"] * options.log_peers
        session = start_session(options, alert_mask=alert_mask(alerts), **more)
    if options.dht:
        session.add_dht_node(address(options.dht))
        # It looks for peers once at the start, and then not for a quarter of an hour: so it must first know some nodes.
        while not known_nodes(session):
            time.sleep(0.2)
    torrents = [add_torrent(session, path, options.folder, options.trust, options.super_seeding) for path in options.torrents]
    # Limits of a session do not apply to peers in the local network.
    for torrent in torrents if options.limit_up else []:
        torrent.set_upload_limit(options.limit_up)
    for torrent in torrents if options.idle else []:
        torrent.set_download_limit(1000)
    done = False
    called = 0
    while True:
        if options.connect and time.monotonic() - called > 2:
            called = time.monotonic()
            for peer in options.connect:
                torrents[0].connect_peer(address(peer))
        for alert in session.pop_alerts():
            print(f"{type(alert).__name__}: {alert.message()}", flush=True)
        if not done and all(torrent.status().is_seeding for torrent in torrents):
            done = True
            print("DONE", flush=True)
        time.sleep(0.05)


def known_nodes(session):
    """Returns the number of nodes in the table of a session that reports its statistics."""
    session.post_session_stats()
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.session_stats_alert):
                return alert.values["dht.dht_nodes"]


def dht(options):
    """Runs a DHT of nodes on successive ports. Prints READY when each knows most others.

    Then it prints ANNOUNCED, the info-hash and the address of every peer that is announced to a node.
    """
    addresses = [(options.bind, options.port + number) for number in range(options.count)]
    nodes = [
        lt.session({
            "listen_interfaces": f"{host}:{port}",
            "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
            # No bootstrap node: a node would query it and not keep it.
            "alert_mask": alert_mask(["stats_notification", "dht_notification"]), **SMALL_DHT, "dht_bootstrap_nodes": "",
        })
        for host, port in addresses
    ]
    # By themselves the first nodes would know no others for minutes, and have none to return to a query.
    while any(known_nodes(node) * 4 < (options.count - 1) * 3 for node in nodes):
        for node, own in zip(nodes, addresses):
            for other in addresses:
                if other != own:
                    node.add_dht_node(other)
        time.sleep(0.5)
    print("READY", flush=True)
    while True:
        for node in nodes:
            for alert in node.pop_alerts():
                if isinstance(alert, lt.dht_announce_alert):
                    print(f"ANNOUNCED {alert.info_hash} {alert.ip}:{alert.port}", flush=True)
        time.sleep(0.2)


def check(options):
    """Reads everything in the folder; prints CHECKED, the seconds it took, and the part that is right."""
    mask = alert_mask(["status_notification", "error_notification"])
    session = start_session(options, alert_mask=mask, hashing_threads=os.cpu_count(), **FAST)
    begun = time.monotonic()
    torrent = add_torrent(session, options.torrents[0], options.folder)
    while True:
        session.wait_for_alert(1000)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.torrent_checked_alert):
                print("CHECKED", time.monotonic() - begun, torrent.status().progress, flush=True)
                return


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

    for name, run in [("peer", peer), ("check", check)]:
        command = commands.add_parser(name)
        command.add_argument("--bind", required=True)
        command.add_argument("--port", type=int, required=True)
        command.add_argument("folder")
        command.add_argument("torrents", nargs="+")
        command.set_defaults(run=run)
        if name == "peer":
            command.add_argument("--fast", action="store_true", help="for measuring")
            command.add_argument("--dht", metavar="HOST:PORT", help="join the DHT through this node")
            command.add_argument("--local", action="store_true", help="look for peers in the local network")
            command.add_argument("--utp", action="store_true", help="speak only µTP")
            command.add_argument("--encryption", choices=ENCRYPTION, default="usual")
            command.add_argument("--connect", metavar="HOST:PORT", action="append", help="connect to this peer")
            command.add_argument("--idle", action="store_true", help="upload nothing, and download hardly anything")
            command.add_argument("--trust", action="store_true", help="trust that the data in the folder is complete")
            command.add_argument("--super-seeding", action="store_true", help="show peers a few pieces at a time")
            command.add_argument("--limit-up", metavar="BYTES", type=int, default=0, help="upload limit per second")
            command.add_argument("--only-from-bind", action="store_true", help="connect from the address of --bind")
            command.add_argument("--log-peers", action="store_true", help="print every message")

    command = commands.add_parser("dht")
    command.add_argument("--bind", required=True)
    command.add_argument("--port", type=int, required=True)
    command.add_argument("count", type=int)
    command.set_defaults(run=dht)

    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())
