"""The tables. Uniqueness is the database's job: what must not happen twice is an index here and not a check elsewhere.

Times are seconds since the epoch. JSON columns hold lists and documents that no query looks into. Long, because these
are the tables of one database, which refer to one another.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


machines = Table(
    "machines",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("bmc_address", Text, nullable=False, unique=True),
    _text("bmc_user"),
    Column("bmc_sealed_password", LargeBinary, nullable=False),
    Column("bmc_cipher_suites", JSON, nullable=False),
    _text("bmc_trust"),
    _text("bmc_privilege"),
    Column("arch", Text, nullable=False),
    Column("boot_mode", Text, nullable=False),
    Column("secure_boot", Boolean, nullable=False, server_default=false()),
    Column("boot_from", Text, nullable=False, server_default="network"),
    Column("cpus", Integer, nullable=False),
    Column("memory_mib", BigInteger, nullable=False),
    Column("disk_gib", BigInteger, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("site", Text, nullable=False),
    _text("zone"),
    _text("pod"),
    _text("rack"),
    Column("rack_position", Integer),
    Column("height_u", Integer, nullable=False, server_default="1"),
    _text("notes"),
    Column("back_end", Text, nullable=False),
    Column("state", Text, nullable=False),
    _text("fault"),
    _text("maintenance"),
    _text("maintenance_by"),
    Column("power", Text, nullable=False),
    Column("power_read_at", Double),
    _text("power_error"),
    Column("instance_id", Text, unique=True),
    Column("reserved_until", Double),
    Column("created_at", Double, nullable=False),
    Column("version", Integer, nullable=False, server_default="0"),
)
Index(
    "ix_machines_free", machines.c.state, machines.c.cpus, machines.c.memory_mib, machines.c.disk_gib, machines.c.name
)

second_bmcs = Table(
    "second_bmcs",
    metadata,
    Column("machine_id", Text, ForeignKey("machines.id", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, nullable=False, unique=True),
    _text("user"),
    Column("sealed_password", LargeBinary, nullable=False),
    Column("cipher_suites", JSON, nullable=False),
    _text("trust"),
    _text("privilege"),
)

consoles = Table(
    "consoles",
    metadata,
    Column("machine_id", Text, ForeignKey("machines.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, nullable=False),
    _text("address"),
    _text("enter"),
    _text("host_key"),
)

nics = Table(
    "nics",
    metadata,
    Column("mac", Text, primary_key=True),
    Column("machine_id", Text, ForeignKey("machines.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    _text("tag"),
    Column("netboot", Boolean, nullable=False),
    Column("home_vlan", Integer),
    _text("bond"),
    Column("bond_mode", Text),
    UniqueConstraint("machine_id", "position"),
)

regions = Table(
    "regions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False, unique=True),
    Column("sealed_key", LargeBinary, nullable=False),
    _text("trust"),
    Column("site", Text, nullable=False),
    _text("zone"),
    _text("cloud"),
    Column("erase", Text, nullable=False),
    Column("create_networks", Boolean, nullable=False),
    Column("from_details", Boolean, nullable=False, server_default=false()),
    Column("read_at", Double),
    _text("error"),
    _text("version"),
    Column("created_at", Double, nullable=False),
)

instances = Table(
    "instances",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("cloud", Text, nullable=False),
    _text("host"),
    Column("machine_id", Text, ForeignKey("machines.id"), nullable=False, unique=True),
    Column("sealed_payload", LargeBinary, nullable=False),
    Column("image_id", Text, ForeignKey("images.id")),
    Column("created_at", Double, nullable=False),
    Index("ix_instances_cloud_host", "cloud", "host"),
)

operations = Table(
    "operations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("machine_id", Text, ForeignKey("machines.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("machine_name", Text, nullable=False),
    Column("site", Text, nullable=False),
    _text("requested_by"),
    _text("asked_by"),
    Column("instance_id", Text, index=True),
    _text("cloud"),
    Column("action", Text),
    Column("state", Text, nullable=False),
    Column("step", Text),
    Column("attempt", Integer, nullable=False),
    _text("waiting_for"),
    Column("wait_until", Double),
    Column("due_at", Double, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", Double),
    Column("signals", Integer, nullable=False, server_default="0"),
    Column("report", JSON, nullable=False),
    Column("netboot", Boolean, nullable=False),
    Column("boot_ip", Text),
    _text("message"),
    _text("error"),
    _text("check"),
    _text("cancelled_by"),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    _text("command"),
    Column("parameters", JSON, nullable=False, server_default="{}"),
    Column("answer", JSON),
    Index(
        "uq_operations_one_unfinished",
        "machine_id",
        unique=True,
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    Index(
        "ix_operations_due",
        "due_at",
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    Index("ix_operations_created_at", "created_at"),
    Index("ix_operations_finished_at", "finished_at"),
)

past_operations = Table(  # of machines that were removed: what is counted must not become less
    "past_operations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double, nullable=False, index=True),
)

steps = Table(
    "steps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("operation_id", Text, ForeignKey("operations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("step", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    Column("outcome", Text, nullable=False),
    _text("detail"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Double, nullable=False, index=True),
    _text("actor"),
    _text("origin"),
    Column("what", Text, nullable=False),
    _text("machine"),
    _text("instance_id"),
    _text("operation_id"),
    _text("detail"),
    Index("ix_events_machine", "machine", "id"),
    Index("ix_events_actor", "actor", "id"),
)

images = Table(
    "images",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("format", Text, nullable=False),
    Column("sha256", Text, nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    _text("raw_tree_sha512"),
    Column("raw_size_bytes", BigInteger, nullable=False),
    Column("arch", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    _text("layout"),
    Column("boot_modes", JSON),
    Column("min_disk_bytes", BigInteger, nullable=False, server_default="0"),
    _text("remarks"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    _text("cloud"),
    Column("sha256", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
)

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    _text("password_hash"),
    Column("issuer", Text),
    Column("subject", Text),
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
    UniqueConstraint("issuer", "subject"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    _text("origin"),
    _text("agent"),
)

wall_links = Table(
    "wall_links",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    _text("created_by"),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double),
    Column("revoked_at", Double),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("kinds", JSON, nullable=False),
    _text("trust"),
    _text("off_because"),
    Column("called_until", Double),
    _text("created_by"),
    Column("created_at", Double, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("webhook_id", Text, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("cause", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Double),
    Column("ended_at", Double),
    Column("status", Integer),
    _text("error"),
    UniqueConstraint("webhook_id", "cause"),
    Index(
        "ix_deliveries_due",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
)

switches = Table(
    "switches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("address", Text, nullable=False, unique=True),
    _text("user"),
    Column("sealed_password", LargeBinary, nullable=False),
    Column("sealed_enable", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    _text("host_key"),
    Column("create_vlans", Boolean, nullable=False),
    Column("save", Boolean, nullable=False),
    Column("vlans", Text, nullable=False),
    Column("provisioning_vlan", Integer, nullable=False),
    Column("quarantine_vlan", Integer, nullable=False),
    Column("uplinks", JSON, nullable=False),
    Column("known_as", JSON, nullable=False),
    Column("site", Text, nullable=False),
    Column("heard_at", Double),
    _text("error"),
    Column("created_at", Double, nullable=False),
)

cables = Table(
    "cables",
    metadata,
    Column("mac", Text, ForeignKey("nics.mac", ondelete="CASCADE"), primary_key=True),
    Column("switch_id", Text, ForeignKey("switches.id"), nullable=False),
    Column("port", Text, nullable=False),
    _text("aggregate"),
    Column("source", Text, nullable=False),
    _text("by"),
    Column("at", Double, nullable=False),
    UniqueConstraint("switch_id", "port"),
)

open_ports = Table(
    "open_ports",
    metadata,
    Column("switch_id", Text, ForeignKey("switches.id"), primary_key=True),
    Column("interface", Text, primary_key=True),
    Column("machine_id", Text, ForeignKey("machines.id"), nullable=False, index=True),
    Column("opened_at", Double, nullable=False),
)

neighbours = Table(
    "neighbours",
    metadata,
    Column("mac", Text, primary_key=True),
    _text("system"),
    _text("chassis"),
    _text("port"),
    _text("description"),
    Column("seen_at", Double, nullable=False),
    Index("ix_neighbours_port", "port"),
)

relay_sightings = Table(
    "relay_sightings",
    metadata,
    Column("mac", Text, primary_key=True),
    _text("relay"),
    _text("circuit_id"),
    _text("remote_id"),
    Column("seen_at", Double, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("ip", Text, primary_key=True),
    Column("mac", Text, unique=True),
    Column("site", Text, nullable=False),
    Column("operation_id", Text),
    Column("expires_at", Double, nullable=False),
    Column("declined", Boolean, nullable=False),
)
