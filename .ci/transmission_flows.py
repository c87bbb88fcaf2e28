"""Flows of real clients against a daemon that speaks Transmission's RPC. Arguments: port, user, password, download folder."""

import hashlib
import os
import subprocess
import sys
import time

import transmission_rpc

PORT, USER, PASSWORD, FILES = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
PIECE = 16384


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        return bencode(value.encode())
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(bencode(item) for item in value) + b"e"
    items = sorted((key.encode(), item) for key, item in value.items())
    return b"d" + b"".join(bencode(key) + bencode(item) for key, item in items) + b"e"


class Sample:
    """A torrent with two files, whose tracker does not answer."""

    def __init__(self, name):
        self.name = name
        self.files = {"first.bin": os.urandom(50_000), "folder/second.bin": os.urandom(30_000)}
        data = b"".join(self.files.values())
        pieces = [hashlib.sha1(data[at : at + PIECE]).digest() for at in range(0, len(data), PIECE)]
        files = [{"length": len(content), "path": path.split("/")} for path, content in self.files.items()]
        info = {"files": files, "name": name, "piece length": PIECE, "pieces": b"".join(pieces)}
        self.hash = hashlib.sha1(bencode(info)).hexdigest()
        self.torrent = bencode({"announce": "http://127.0.0.1:9/announce", "info": info})

    def write(self, folder):
        for path, content in self.files.items():
            target = os.path.join(folder, self.name, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(content)


def wait_for(what, condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"timed out: {what}"
        time.sleep(0.1)


def remote(*arguments, password=PASSWORD, succeeds=True):
    command = ["transmission-remote", f"127.0.0.1:{PORT}", "-n", f"{USER}:{password}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    output = done.stdout + done.stderr
    assert not succeeds or done.returncode == 0, f"{arguments}: {output}"
    return output


def flow_of_the_library(client):
    sample = Sample("library")
    added = client.add_torrent(sample.torrent, paused=True, labels=["one", "two"], download_dir=FILES + "/tv")
    assert added.hash_string == sample.hash
    torrent = client.get_torrent(sample.hash)
    assert torrent.labels == ["one", "two"] and torrent.download_dir == FILES + "/tv"
    assert [file.name for file in torrent.get_files()] == [f"library/{path}" for path in sample.files]
    client.change_torrent(sample.hash, seed_ratio_limit=1.5, seed_ratio_mode=1, files_unwanted=[1], priority_high=[0])
    torrent = client.get_torrent(sample.hash)
    assert torrent.seed_ratio_limit == 1.5 and [file.selected for file in torrent.get_files()] == [True, False]
    client.change_torrent(sample.hash, files_wanted=[])
    client.change_torrent(sample.hash, files_wanted=[0, 1])
    sample.write(FILES + "/tv")
    client.verify_torrent(sample.hash)
    wait_for("a complete check", lambda: client.get_torrent(sample.hash).left_until_done == 0)
    client.start_torrent(sample.hash)
    wait_for("a seed", lambda: client.get_torrent(sample.hash).status == "seeding")
    client.move_torrent_data(sample.hash, FILES + "/films")
    wait_for("moved files", lambda: os.path.exists(FILES + "/films/library/first.bin"))
    client.rename_torrent_path(sample.hash, "library", "renamed")
    wait_for("another name", lambda: client.get_torrent(sample.hash).name == "renamed")
    number = client.get_torrent(sample.hash).id
    client.remove_torrent(sample.hash, delete_data=True)
    wait_for("deleted files", lambda: not os.path.exists(FILES + "/films/renamed/first.bin"))
    changed, removed = client.get_recently_active_torrents()
    assert number in removed and all(torrent.id != number for torrent in changed)


def flow_of_the_session(client):
    client.set_session(speed_limit_down=123, speed_limit_down_enabled=True)
    session = client.get_session()
    assert session.speed_limit_down == 123 and session.speed_limit_down_enabled
    client.set_session(speed_limit_down_enabled=False)
    assert client.get_session().speed_limit_down == 123
    assert client.free_space(FILES) > 0
    assert client.session_stats().torrent_count == 0


def flow_of_the_command():
    sample = Sample("command")
    with open("command.torrent", "wb") as file:
        file.write(sample.torrent)
    remote("-a", "command.torrent", "--start-paused")
    assert "command" in remote("-l")
    info = remote("-t", sample.hash, "-i")
    assert "Name: command" in info and f"Hash: {sample.hash}" in info, info
    remote("-t", sample.hash, "-d", "55", "-L", "x,y")
    assert "Labels: x, y" in remote("-t", sample.hash, "-i")
    assert "second.bin" in remote("-t", sample.hash, "-f")
    sample.write(FILES + "/found")
    remote("-t", sample.hash, "--find", FILES + "/found")
    wait_for("found files", lambda: "100%" in remote("-t", sample.hash, "-l"))
    remote("-t", sample.hash, "-rad")
    wait_for("an empty list", lambda: "command" not in remote("-l"))
    assert not os.path.exists(FILES + "/found/command/first.bin")
    assert "Download directory: " + FILES in remote("-si")


def flow_of_a_wrong_password():
    # The third failure leads to a ban.
    for _ in range(3):
        assert "401" in remote("-l", password="wrong", succeeds=False)
    assert "403" in remote("-l", succeeds=False), "the right password does not end the ban"
    wait_for("the end of the ban", lambda: "Sum:" in remote("-l", succeeds=False))


def main():
    client = transmission_rpc.Client(host="127.0.0.1", port=PORT, username=USER, password=PASSWORD)
    flow_of_the_library(client)
    flow_of_the_session(client)
    flow_of_the_command()
    flow_of_a_wrong_password()
    remote("--exit")
    print("all flows of the clients of Transmission have passed")


if __name__ == "__main__":
    main()
