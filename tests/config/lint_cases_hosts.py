"""What each lint rule of addresses, units, names, paths and keys of hosts must find."""

from __future__ import annotations

from tests.config.cluster_text import cluster, host
from tests.config.lint_case import trap

CASES = [
    trap(
        "8 nat blocked",
        "nat-blocked-without-tailscale",
        cluster(host("alpha", tailscale_ip=None, nat_blocked="true")),
        "nat_blocked: true",
    ),
    trap("8 one way in", "no-tailscale-ip", cluster(host("alpha", tailscale_ip=None)), "ssh_host: 198.51.100.9"),
    trap(
        "8 private address",
        "private-address-only",
        cluster(host("alpha", tailscale_ip=None, ssh_host="10.0.0.7")),
        "ssh_host: 10.0.0.7",
    ),
    trap("8 no address", "no-address", cluster(host("alpha", tailscale_ip=None, ssh_host=None)), "alpha:"),
    trap(
        "address with a port",
        "odd-ssh-host",
        cluster(host("alpha", ssh_host="a.example:2201")),
        "ssh_host: a.example:2201",
    ),
    trap(
        "octal address", "odd-ssh-host", cluster(host("alpha", ssh_host="198.51.100.012")), "ssh_host: 198.51.100.012"
    ),
    trap("address of nobody", "odd-ssh-host", cluster(host("alpha", ssh_host="0.0.0.0")), "ssh_host: 0.0.0.0"),
    trap("8 proxy ignored", "ssh-proxy-ignored", cluster(host("alpha", ssh_proxy="jump")), "ssh_proxy: jump"),
    trap("9 gpu none", "gpu-none", cluster(host("alpha", gpu="none")), "gpu: none"),
    trap(
        "10 megabytes",
        "bandwidth-in-megabytes",
        cluster(sections="auto_sync:\n  bandwidth_limit_mbps: 100\n"),
        "bandwidth_limit_mbps: 100",
    ),
    trap(
        "10 override like the limit",
        "override-equals-limit",
        cluster(sections="auto_sync:\n  bandwidth_limit_mbps: 100\n  host_bandwidth_overrides:\n    alph*: 100\n"),
        "alph*: 100",
    ),
    trap(
        "10 override of nobody",
        "override-matches-nothing",
        cluster(sections="auto_sync:\n  host_bandwidth_overrides:\n    vast-*: 5\n"),
        "vast-*: 5",
    ),
    trap(
        "timetable of nobody",
        "timetable-matches-nothing",
        cluster(
            sections="data_plane:\n  bandwidth:\n    timetable:\n"
            "      - {hours: 08:00-18:00, limit: 20MB/s, node: nobody-*}\n"
        ),
        "- {hours: 08:00-18:00, limit: 20MB/s, node: nobody-*}",
    ),
    trap(
        "timetable row twice",
        "timetable-row-hidden",
        cluster(
            sections="data_plane:\n  bandwidth:\n    timetable:\n"
            "      - {hours: 08:00-18:00, limit: 20MB/s}\n      - {hours: 08:00-18:00, limit: 30MB/s}\n"
        ),
        "- {hours: 08:00-18:00, limit: 30MB/s}",
    ),
    trap("11 ephemeral by name", "ephemeral-by-name", cluster(host("runpod-1")), "runpod-1:"),
    trap("11 ephemeral in the middle", "ephemeral-name-unknown", cluster(host("my-ephemeral-1")), "my-ephemeral-1:"),
    trap(
        "11 rented but durable",
        "rented-but-durable",
        cluster(host("vast-1", is_ephemeral="false", vast_instance_id="7")),
        "is_ephemeral: false",
        "vast_instance_id: 7",
    ),
    trap(
        "12 ends in ai-service",
        "path-ends-in-ai-service",
        cluster(host("alpha", ringrift_path="~/r/ai-service")),
        "ringrift_path: ~/r/ai-service",
    ),
    trap(
        "12 doubled",
        "path-doubled",
        cluster(host("alpha", ringrift_path="~/ai-service/ai-service")),
        "ringrift_path: ~/ai-service/ai-service",
    ),
    trap("12 relative", "path-relative", cluster(host("alpha", ringrift_path="ringrift")), "ringrift_path: ringrift"),
    trap(
        "13 duplicate tailscale_ip",
        "duplicate-tailscale-ip",
        cluster(host("alpha", 1, tailscale_ip="100.64.7.7"), host("beta", 2, tailscale_ip="100.64.7.7 ")),
        "tailscale_ip: 100.64.7.7",
    ),
    trap(
        "13 duplicate ssh address",
        "duplicate-ssh-address",
        cluster(host("alpha", 1, ssh_host="h.example"), host("beta", 2, ssh_host="H.example", ssh_port=22)),
        "ssh_host: h.example",
        "ssh_host: H.example",
    ),
    trap(
        "13 wrong tailscale_ip",
        "odd-tailscale-ip",
        cluster(host("alpha", tailscale_ip="198.51.100.1")),
        "tailscale_ip: 198.51.100.1",
    ),
    trap(
        "14 keys of other tools",
        "foreign-key",
        cluster(host("alpha", data_path="/d", user="me")),
        "data_path: /d",
        "user: me",
    ),
    trap("14 sections of other tools", "foreign-section", cluster(sections="nodes: {}\n"), "nodes: {}"),
    trap(
        "15 proxy",
        "host-without-path",
        cluster(host("alpha", status="proxy_only", ringrift_path="null")),
        "ringrift_path: null",
    ),
    trap(
        "15 ready without a path",
        "ready-without-path",
        cluster(host("alpha", ringrift_path="null")),
        "ringrift_path: null",
    ),
    trap(
        "16 excluded voter",
        "excluded-voter",
        cluster(sections="p2p_voters: [alpha]\nsync_routing: {excluded_hosts: [alpha]}\n"),
        "p2p_voters: [alpha]",
        "sync_routing: {excluded_hosts: [alpha]}",
    ),
    trap(
        "loopback",
        "loopback-host",
        cluster(host("alpha", ssh_host="localhost", tailscale_ip=None)),
        "ssh_host: localhost",
    ),
    trap(
        "loopback elsewhere",
        "loopback-elsewhere",
        cluster(host("alpha", 1), host("beta", ssh_host="127.0.0.1"), sections="data_plane: {node_id: alpha}\n"),
        "ssh_host: 127.0.0.1",
        "data_plane: {node_id: alpha}",
    ),
    trap(
        "two loopbacks",
        "two-loopback-hosts",
        cluster(host("alpha", 1, ssh_host="localhost"), host("beta", 2, ssh_host="127.0.0.1")),
        "ssh_host: localhost",
        "ssh_host: 127.0.0.1",
    ),
]
