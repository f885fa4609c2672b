"""NATS JetStream: deliveries come in, messages go out. The only importer of nats.

No decision about a job may come in.
"""

from executor.broker.broker import Broker
from executor.broker.connection import connect
from executor.broker.dead_letters import DeadLetter, DeadLetters, NoSuchLetter
from executor.broker.delivery import Delivery
from executor.broker.provision import provision

__all__ = ["Broker", "DeadLetter", "DeadLetters", "Delivery", "NoSuchLetter", "connect", "provision"]
