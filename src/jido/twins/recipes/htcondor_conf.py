"""HTCondor's configuration for each machine of a twin. Verified on HTCondor 23.9.6."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from jido.twins.ground import CONTROL, LOGIN, Ground
from jido.twins.people import DAEMONS_ID
from jido.twins.spec import Node, TwinSpec

LOCAL = "/var/lib/condor"
KEYS = "/etc/condor-keys"

_COMMON = """\
# A machine of a twin, written by jido. Verified on HTCondor 23.9.6.
RELEASE_DIR = /usr
LIB = $(RELEASE_DIR)/lib/condor
LIBEXEC = $(RELEASE_DIR)/libexec/condor
SHARE = $(RELEASE_DIR)/share/condor
LOCAL_DIR = {local}
LOG = $(LOCAL_DIR)/log
SPOOL = $(LOCAL_DIR)/spool
EXECUTE = $(LOCAL_DIR)/execute
RUN = $(LOCAL_DIR)/run
LOCK = $(LOCAL_DIR)/lock
COLLECTOR_NAME = {pool}
COLLECTOR_HOST = {control}:{port}
UID_DOMAIN = {pool}
FILESYSTEM_DOMAIN = {files}
# All machines have one address: nothing is to be looked up in reverse, and no name server is to be waited for.
NETWORK_HOSTNAME = {host}
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
ENABLE_IPV6 = False
TRUST_UID_DOMAIN = True
USE_SHARED_PORT = False
CONDOR_ADMIN = nobody
# Daemons know each other by the pool's key; people are who the file system says they are.
use security:recommended_v9_0
SEC_PASSWORD_DIRECTORY = {keys}
SEC_TOKEN_POOL_SIGNING_KEY_FILE = {keys}/POOL
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, IDTOKENS
# Anybody may look; for all else the other side wants to know who asks.
SEC_CLIENT_AUTHENTICATION = OPTIONAL
SEC_CLIENT_ENCRYPTION = OPTIONAL
SEC_CLIENT_INTEGRITY = OPTIONAL
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_DAEMON = condor@*, condor_pool@*, {user}@*
ALLOW_NEGOTIATOR = condor@*, condor_pool@*, {user}@*
ALLOW_ADMINISTRATOR = root@*, condor@*, {user}@*
TRUST_DOMAIN = {pool}
# Having one address, the machines would take each other for one machine's daemons.
SEC_USE_FAMILY_SESSION = False
COLLECTOR_BOOTSTRAP_SSL_CERTIFICATE = False
# Prompt, as people who wait for a test want it.
UPDATE_INTERVAL = 5
NEGOTIATOR_INTERVAL = 5
NEGOTIATOR_MIN_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
SCHEDD_INTERVAL = 5
SCHEDD_MIN_INTERVAL = 1
PERIODIC_EXPR_INTERVAL = 5
MASTER_BACKOFF_CONSTANT = 1
# Not in the spool, so that a test can take that away.
SCHEDD_ADDRESS_FILE = $(LOG)/.schedd_address
SCHEDD_DAEMON_AD_FILE = $(LOG)/.schedd_classad
MASTER_BACKOFF_FACTOR = 1
"""


def configuration(ground: Ground, role: str) -> str:
    """The whole condor_config of a machine.

    Args:
        ground: Where the twin stands.
        role: ``control``, ``login`` or a node's name.
    """
    spec = ground.spec
    node = next((node for node in spec.nodes if node.name == role), None)
    text = _COMMON.format(
        local=LOCAL,
        pool=spec.cluster or spec.name,
        control=spec.control_name,
        port=ground.ports["collector"],
        files=_file_domain(spec, node),
        host={CONTROL: spec.control_name, LOGIN: spec.login_name}.get(role, role),
        keys=KEYS,
        user="condor" if ground.ids else ground.user,
    )
    if ground.ids:
        text += f"CONDOR_IDS = {DAEMONS_ID}.{DAEMONS_ID}\n"
    daemons = {CONTROL: "COLLECTOR, NEGOTIATOR", LOGIN: "SCHEDD"}.get(role, "STARTD")
    return "\n".join((text + f"DAEMON_LIST = MASTER, {daemons}", *(_slots(node) if node else ()), ""))


def _file_domain(spec: TwinSpec, node: Node | None) -> str:
    """Who sees the same home folders is in one domain; a machine that does not has one of its own."""
    home = next(volume for volume in spec.shared if volume.path == spec.home)
    return node.name if node and node.name in home.without else spec.cluster or spec.name


def _slots(node: Node) -> Iterator[str]:
    yield f"NUM_CPUS = {node.cpus}"
    if node.memory is not None:
        yield f"MEMORY = {max(1, node.memory // 2**20)}"
    yield "NUM_SLOTS = 1"
    yield "NUM_SLOTS_TYPE_1 = 1"
    yield "SLOT_TYPE_1 = 100%"
    yield "SLOT_TYPE_1_PARTITIONABLE = True"
    yield "RunBenchmarks = False"
    yield "SLOTS_CONNECTED_TO_CONSOLE = 0"
    yield "SLOTS_CONNECTED_TO_KEYBOARD = 0"
    yield f"START = {'False' if node.out else 'True'}"
    # Without it a machine that takes no jobs is shown as if it did.
    yield f"IS_OWNER = {'True' if node.out else 'False'}"
    # Nothing but the starter's own count enforces memory here: a twin has no cgroups of its own.
    yield "use policy:hold_if_memory_exceeded"
    yield "STARTER_UPDATE_INTERVAL = 5"
    yield "STARTER_INITIAL_UPDATE_INTERVAL = 2"
    if node.features:
        yield from (f"{feature} = True" for feature in node.features)
        yield f"STARTD_ATTRS = $(STARTD_ATTRS) {' '.join(node.features)}"
    if node.gpus:
        yield "MACHINE_RESOURCE_INVENTORY_GPUs = /bin/cat /etc/condor/gpus"


def gpu_inventory(node: Node) -> str:
    """What condor_gpu_discovery would print on such a node."""
    rows: list[str] = []
    names: list[str] = []
    for gpus in node.gpus:
        for _ in range(gpus.count):
            number = len(names)
            uuid = hashlib.sha256(f"{node.name} {number}".encode()).hexdigest()[:8]
            names.append(f"GPU-{uuid}")
            model = f' DeviceName="{gpus.model}";' if gpus.model else ""
            rows.append(f'GPU_{uuid}=[ Id="GPU-{uuid}";{model} DeviceUuid="{uuid}"; ]')
    return "\n".join((f'DetectedGPUs="{", ".join(names)}"', *rows, ""))
