"""Two Steward servers on a cluster that dies in other ways than at once: it stands still, forgets, or stops to answer."""

import time

from expect import expect, expect_equal, scenario
from cluster import Cluster
from servers import Load, Servers, say


@scenario("servers: a leader that stands still and comes back is never believed")
def paused_leader():
    with Cluster() as cluster, Servers(cluster) as servers, Load(servers) as load:
        paused, moment = cluster.leader(), time.monotonic()
        paused.pause()
        cluster.wait_for_leader(other_than=paused)
        load.wait_for_writes()
        paused.resume()
        cluster.wait_until_whole()
        load.wait_for_writes()
        say(f"{load.total()} acknowledged, first success {load.first_after(moment):.1f} s after the leader stood still")


@scenario("servers: a postgres that is killed alone comes back and lost nothing")
def killed_postgres():
    with Cluster() as cluster, Servers(cluster) as servers, Load(servers) as load:
        for _ in range(3):
            moment = time.monotonic()
            cluster.leader().kill_postgres()
            cluster.wait_until_whole()
            load.wait_for_writes()
            say(f"first success {load.first_after(moment):.1f} s after postgres was killed")


@scenario("servers: without haproxy, several hosts in the URL, a killed leader is left by itself")
def several_hosts():
    with Cluster() as cluster, Servers(cluster, through_proxy=False) as servers, Load(servers) as load:
        killed, moment = cluster.kill_leader(), time.monotonic()
        load.wait_for_writes()
        say(f"first success {load.first_after(moment):.1f} s after the kill")
        cluster.rejoin(killed)
        cluster.wait_until_whole()


@scenario("servers: a wait for the standbys that somebody cancels is never a success, and what it left is forgotten with the leader")
def cancelled_waits():
    with Cluster() as cluster, Servers(cluster) as servers, Load(servers) as load:
        standbys = cluster.standbys()
        for standby in standbys:
            standby.pause()
        cluster.wait("a commit that waits", cluster.waiting_commits, 10)
        moment, before = time.monotonic(), load.total()
        cancelled = 0
        # Shorter than Patroni takes to see that the standbys are gone: they are to be promoted without what they have not seen.
        while time.monotonic() < moment + 3:
            cancelled += len(cluster.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").split())
            time.sleep(0.1)
        expect(cancelled > 0, "nobody waited")
        expect_equal(load.total() - before, 0, "successes while no standby answered")
        killed = cluster.kill_leader()
        for standby in standbys:
            standby.resume()
        cluster.wait_for_leader(other_than=killed)
        load.wait_for_writes()
        say(f"{cancelled} waits cancelled; {load.total()} acknowledged; {dict(load.refusals())}")


@scenario("servers: with the last standby gone writes are refused, reads go on, and both go on when it is back")
def without_standby():
    with Cluster(nodes=2) as cluster, Servers(cluster) as servers, Load(servers) as load:
        standby = cluster.kill_standby()
        time.sleep(2)
        before = load.total()
        for client in (servers.client(0), servers.client(1)):
            expect_equal(client.get("/v1/vendors?limit=1").status, 200, "a read while no standby is there")
        cluster.wait("a refusal", load.refusals, 120)
        expect_equal(load.total(), before, "successes while no standby was there")
        cluster.rejoin(standby)
        load.wait_for_writes()
        say(f"refused with: {dict(load.refusals())}")
