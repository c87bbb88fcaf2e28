"""libtorrent in the roles of single cases of the interop suite, each with its own commands and lines of output."""

import argparse
import os
import shutil
import sys
import tempfile
import time

import libtorrent as lt

from libtorrent_peer import SMALL_DHT, add_torrent, address, alert_mask, start_session


# Peers of the local network have no places to share otherwise: they are always unchoked, and limits do not apply to them.
def treat_all_alike(session):
    everyone = lt.ip_filter()
    everyone.add_rule("0.0.0.0", "255.255.255.255", 0)
    session.set_peer_class_filter(everyone)


def print_alerts(session):
    for alert in session.pop_alerts():
        print(f"{type(alert).__name__}: {alert.message()}", flush=True)


def wait_until(session, condition):
    while not condition():
        print_alerts(session)
        time.sleep(0.02)
    print_alerts(session)


def fast_seed(options):
    """Seeds in phases, which it prints: the BEP 6 messages of each are known.

    CHOKED: whoever connects is choked, and gets the allowed-fast set. UNCHOKED: gets suggestions of the pieces that another
    client has read before, and then an unchoke. REJECTING: a choke, which rejects what is requested. SERVING: to the end.
    """
    alerts = alert_mask(["error_notification", "peer_log_notification"])
    ways = {"suggest_mode": lt.suggest_mode_t.suggest_read_cache, "unchoke_interval": 1, "allow_multiple_connections_per_ip": True}
    session = start_session(options, alert_mask=alerts, **ways)
    treat_all_alike(session)
    torrent = add_torrent(session, options.torrent, options.folder)
    wait_until(session, lambda: torrent.status().is_seeding)
    torrent.set_upload_limit(options.limit_up)

    # Another client reads some pieces.
    options.port += 1
    other = start_session(options, alert_mask=0)
    with tempfile.TemporaryDirectory() as folder:
        reader = add_torrent(other, options.torrent, folder)
        count = torrent.torrent_file().num_pieces()
        reader.prioritize_pieces([4 if piece >= count - options.read else 0 for piece in range(count)])
        reader.connect_peer((options.bind, options.port - 1))
        wait_until(session, lambda: reader.status().is_finished)
        other.remove_torrent(reader)
        wait_until(session, lambda: not torrent.get_peer_info())

    session.apply_settings({"unchoke_slots_limit": 0})
    print("CHOKED", flush=True)
    # All of the set, and nothing else.
    settings = session.get_settings()
    wanted = settings["allowed_fast_set_size"]
    has_all = lambda: any(peer.num_pieces >= wanted for peer in torrent.get_peer_info())
    wait_until(session, has_all)
    print("UNCHOKED", flush=True)
    session.apply_settings({"unchoke_slots_limit": 8})
    wait_until(session, lambda: any(peer.num_pieces >= wanted + options.read for peer in torrent.get_peer_info()))
    print("REJECTING", flush=True)
    session.apply_settings({"unchoke_slots_limit": 0})
    wait_until(session, lambda: any(peer.flags & peer.choked for peer in torrent.get_peer_info()))
    print("SERVING", flush=True)
    session.apply_settings({"unchoke_slots_limit": 8})
    while True:
        print_alerts(session)
        time.sleep(0.05)


def node(options):
    """Runs a DHT node. Prints each packet, and TABLE with the number of nodes in its table."""
    names = ["dht_log_notification", "dht_notification", "stats_notification"]
    read_only = {"dht_read_only": True} if options.read_only else {}
    session = start_session(options, **{"alert_mask": alert_mask(names), **SMALL_DHT, "dht_bootstrap_nodes": "", **read_only})
    entered = 0
    while True:
        if options.enter and time.monotonic() - entered > 2:
            entered = time.monotonic()
            session.add_dht_node(address(options.enter))
        session.post_session_stats()
        for alert in session.pop_alerts():
            if isinstance(alert, lt.dht_pkt_alert):
                print("PACKET", alert.message(), flush=True)
            elif isinstance(alert, lt.session_stats_alert):
                print("TABLE", alert.values["dht.dht_nodes"], flush=True)
        time.sleep(0.2)


# Seconds without data after which a cheat starts over.
PATIENCE = 3


def cheat(options):
    """Takes from a seed without an end: announces nothing, and comes back as a new peer that has nothing.

    It comes back after some bytes, and when it gets no more. Prints TOOK and the number of bytes so far.
    """
    seed = address(options.connect)
    only_seed = lt.ip_filter()
    only_seed.add_rule("0.0.0.0", "255.255.255.255", 1)
    only_seed.add_rule(seed[0], seed[0], 0)
    took = 0
    while True:
        folder = tempfile.mkdtemp(dir=os.environ["HOME"])
        # Without redundant announces, a seed hears of no piece.
        session = start_session(options, alert_mask=0, send_redundant_have=False, outgoing_interfaces=options.bind)
        session.set_ip_filter(only_seed)
        torrent = add_torrent(session, options.torrent, folder)
        torrent.replace_trackers([])
        torrent.connect_peer(seed)
        now, moved = 0, time.monotonic()
        while now < options.take and time.monotonic() - moved < PATIENCE:
            time.sleep(0.05)
            before, now = now, torrent.status().total_payload_download
            if now > before:
                moved = time.monotonic()
                print("TOOK", took + now, flush=True)
        took += now
        del torrent, session
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)

    def add(name, run, *arguments):
        command = commands.add_parser(name)
        command.add_argument("--bind", required=True)
        command.add_argument("--port", type=int, required=True)
        for argument in arguments:
            command.add_argument(argument)
        command.set_defaults(run=run)
        return command

    command = add("fast-seed", fast_seed, "folder", "torrent")
    command.add_argument("--limit-up", type=int, required=True)
    command.add_argument("--read", type=int, required=True, help="number of pieces, the last ones, that another client reads")
    command = add("node", node)
    command.add_argument("--read-only", action="store_true")
    command.add_argument("--enter", metavar="HOST:PORT", help="query this node again and again")
    command = add("cheat", cheat, "torrent")
    command.add_argument("--connect", required=True)
    command.add_argument("--take", type=int, required=True, help="bytes after which it starts over")

    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())
