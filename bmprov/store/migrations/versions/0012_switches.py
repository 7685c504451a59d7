"""switches, and which port each NIC is cabled to."""

import sqlalchemy as sa
from alembic import op


revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'switches',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('address', sa.Text(), nullable=False),
        sa.Column('user', sa.Text(), server_default='', nullable=False),
        sa.Column('sealed_password', sa.LargeBinary(), nullable=False),
        sa.Column('sealed_enable', sa.LargeBinary(), nullable=False),
        sa.Column('sealed_key', sa.LargeBinary(), nullable=False),
        sa.Column('host_key', sa.Text(), server_default='', nullable=False),
        sa.Column('create_vlans', sa.Boolean(), nullable=False),
        sa.Column('save', sa.Boolean(), nullable=False),
        sa.Column('vlans', sa.Text(), nullable=False),
        sa.Column('provisioning_vlan', sa.Integer(), nullable=False),
        sa.Column('quarantine_vlan', sa.Integer(), nullable=False),
        sa.Column('uplinks', sa.JSON(), nullable=False),
        sa.Column('known_as', sa.JSON(), nullable=False),
        sa.Column('site', sa.Text(), nullable=False),
        sa.Column('heard_at', sa.Double(), nullable=True),
        sa.Column('error', sa.Text(), server_default='', nullable=False),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_switches')),
        sa.UniqueConstraint('name', name=op.f('uq_switches_name')),
        sa.UniqueConstraint('address', name=op.f('uq_switches_address')),
    )
    op.create_table(
        'cables',
        sa.Column('mac', sa.Text(), nullable=False),
        sa.Column('switch_id', sa.Text(), nullable=False),
        sa.Column('port', sa.Text(), nullable=False),
        sa.Column('aggregate', sa.Text(), server_default='', nullable=False),
        sa.Column('source', sa.Text(), nullable=False),
        sa.Column('by', sa.Text(), server_default='', nullable=False),
        sa.Column('at', sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(['mac'], ['nics.mac'], name=op.f('fk_cables_mac_nics'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['switch_id'], ['switches.id'], name=op.f('fk_cables_switch_id_switches')),
        sa.PrimaryKeyConstraint('mac', name=op.f('pk_cables')),
        sa.UniqueConstraint('switch_id', 'port', name=op.f('uq_cables_switch_id')),
    )
    op.create_table(
        'open_ports',
        sa.Column('switch_id', sa.Text(), nullable=False),
        sa.Column('interface', sa.Text(), nullable=False),
        sa.Column('machine_id', sa.Text(), nullable=False),
        sa.Column('opened_at', sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(['machine_id'], ['machines.id'], name=op.f('fk_open_ports_machine_id_machines')),
        sa.ForeignKeyConstraint(['switch_id'], ['switches.id'], name=op.f('fk_open_ports_switch_id_switches')),
        sa.PrimaryKeyConstraint('switch_id', 'interface', name=op.f('pk_open_ports')),
    )
    op.create_index(op.f('ix_open_ports_machine_id'), 'open_ports', ['machine_id'])
    op.create_table(
        'neighbours',
        sa.Column('mac', sa.Text(), nullable=False),
        sa.Column('system', sa.Text(), server_default='', nullable=False),
        sa.Column('chassis', sa.Text(), server_default='', nullable=False),
        sa.Column('port', sa.Text(), server_default='', nullable=False),
        sa.Column('description', sa.Text(), server_default='', nullable=False),
        sa.Column('seen_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('mac', name=op.f('pk_neighbours')),
    )
    op.create_index('ix_neighbours_port', 'neighbours', ['port'])
