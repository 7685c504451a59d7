"""regions."""

import sqlalchemy as sa
from alembic import op


revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('nics', sa.Column('home_vlan', sa.Integer(), nullable=True))
    op.create_table(
        'regions',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('url', sa.Text(), nullable=False),
        sa.Column('sealed_key', sa.LargeBinary(), nullable=False),
        sa.Column('trust', sa.Text(), server_default='', nullable=False),
        sa.Column('site', sa.Text(), nullable=False),
        sa.Column('zone', sa.Text(), server_default='', nullable=False),
        sa.Column('cloud', sa.Text(), server_default='', nullable=False),
        sa.Column('erase', sa.Text(), nullable=False),
        sa.Column('create_networks', sa.Boolean(), nullable=False),
        sa.Column('from_details', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('read_at', sa.Double(), nullable=True),
        sa.Column('error', sa.Text(), server_default='', nullable=False),
        sa.Column('version', sa.Text(), server_default='', nullable=False),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_regions')),
        sa.UniqueConstraint('name', name=op.f('uq_regions_name')),
        sa.UniqueConstraint('url', name=op.f('uq_regions_url')),
    )
