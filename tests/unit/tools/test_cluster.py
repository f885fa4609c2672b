"""The cluster's decisions: what a kubelet says of a pod, what a chart renders to, where a name leads."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from tools import toolchain
from tools.cluster import chart, names, parts
from tools.cluster.status import State, status

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"
INIT, SERVE = State("migrate", "app:v1"), State("serve", "app:v1")


def conditions(said):
    return {entry["type"]: entry["status"] for entry in said["conditions"]}


def test_a_pod_waits_for_its_init_containers():
    said = status([INIT.runs(EARLY)], [SERVE], again=True, since={}, now=EARLY)
    assert said["phase"] == "Pending"
    assert conditions(said)["Initialized"] == "False"
    assert said["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}


def test_a_pod_is_ready_when_all_its_containers_are():
    serving = replace(SERVE.runs(LATE), started=True, ready=True)
    said = status([INIT.ends(0, LATE)], [serving], again=True, since={}, now=LATE)
    assert (said["phase"], conditions(said)["Ready"]) == ("Running", "True")


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (1, "Failed"), (-9, "Failed")])
def test_a_pod_that_is_not_started_again_ends_as_its_container_did(code, phase):
    said = status([], [SERVE.runs(EARLY).ends(code, LATE)], again=False, since={}, now=LATE)
    assert said["phase"] == phase


def test_a_signal_is_told_as_a_shell_tells_it():
    ended = SERVE.runs(EARLY).ends(-15, LATE).document()
    assert ended["state"]["terminated"]["exitCode"] == 143


def test_a_container_that_waits_for_its_next_start_still_makes_the_pod_a_running_one():
    waiting = replace(SERVE, restarts=1).waits("CrashLoopBackOff")
    said = status([INIT.ends(0, EARLY)], [waiting], again=True, since={}, now=LATE)
    assert (said["phase"], said["containerStatuses"][0]["restartCount"]) == ("Running", 1)


def test_a_condition_keeps_its_time_until_it_changes():
    first = status([INIT], [SERVE], again=True, since={}, now=EARLY)
    second = status([INIT.ends(0, LATE)], [SERVE], again=True, since=first, now=LATE)
    times = {entry["type"]: entry["lastTransitionTime"] for entry in second["conditions"]}
    assert times == {"PodScheduled": EARLY, "Initialized": LATE, "ContainersReady": EARLY, "Ready": EARLY}


def test_a_template_is_rendered_with_the_values_that_a_chart_has_by_default():
    template = """{{- if .Values.rbacManager.deploy }}
metadata:
  name: {{ template "crossplane.name" . }}-admin
  labels:
    {{- include "crossplane.labels" . | indent 4 }}
    app: x
subject:
  {{- if not .Values.serviceAccount.create }}
  name: {{ .Values.serviceAccount.name }}
  {{- else }}
  name: {{ template "crossplane.name" . }}
  {{- end }}
  namespace: {{ .Release.Namespace }}
{{- end}}"""
    lines = [line for line in chart.render(template).splitlines() if line.strip()]
    assert lines == [
        *("metadata:", "  name: crossplane-admin", "  labels:", "    app: x"),
        *("subject:", "  name: crossplane", "  namespace: crossplane-system"),
    ]


def test_a_template_that_needs_more_is_an_error():
    with pytest.raises(ValueError, match="not rendered"):
        chart.render("name: {{ .Values.unknown }}-x")


def test_a_name_leads_to_its_address():
    known = {"nats.nats.svc:4222": "127.0.0.1:20001"}
    assert names.led("nats://nats.nats.svc:4222", known) == "nats://127.0.0.1:20001"


def test_the_path_to_our_commands_is_of_this_machine_wherever_the_checkout_lies():
    given = {"PATH": "/data/checkout/.venv/bin", "TMPDIR": "/data"}
    assert names.led_in(given, {"/data": "/elsewhere"}) == {"PATH": "/data/checkout/.venv/bin", "TMPDIR": "/elsewhere"}


@pytest.mark.anyio
async def test_the_proxy_knows_its_names_and_no_others():
    async def answer(reader, writer):
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + asked.split(b"\r\n")[0])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    known = {"nats.example:8222": f"127.0.0.1:{port}"}
    async with server, names.proxy(known) as url, httpx.AsyncClient(proxy=url, trust_env=False) as client:
        assert (await client.get("http://nats.example:8222/jsz?acc=A")).text == "GET /jsz?acc=A HTTP/1.1"
        assert (await client.get("http://other.example/")).status_code == 502


def test_every_version_of_crossplane_is_pinned_and_has_files_of_its_own():
    cached = [part.cached.name for version in parts.VERSIONS.values() for part in parts.needed(version)]
    programs = [name for name in dict.fromkeys(cached) if name.endswith(toolchain.PLATFORM)]
    assert [name.removesuffix(f"-{toolchain.PLATFORM}") for name in programs] == [
        "etcd-v3.6.5",
        "kube-apiserver-v1.34.1",
        "kube-controller-manager-v1.34.1",
        "crossplane-core-v2.3.4",
        "keda-operator-v2.20.2",
        "keda-adapter-v2.20.2",
        "crossplane-1.20-v1.20.11",
        "provider-kubernetes-v1.2.1",
        "crossplane-1.16-v1.16.0",
    ]
