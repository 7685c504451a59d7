"""what relays say of the ports of machines."""

import sqlalchemy as sa
from alembic import op


revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'relay_sightings',
        sa.Column('mac', sa.Text(), nullable=False),
        sa.Column('relay', sa.Text(), server_default='', nullable=False),
        sa.Column('circuit_id', sa.Text(), server_default='', nullable=False),
        sa.Column('remote_id', sa.Text(), server_default='', nullable=False),
        sa.Column('seen_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('mac', name=op.f('pk_relay_sightings')),
    )
