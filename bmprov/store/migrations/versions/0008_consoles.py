"""consoles."""

import sqlalchemy as sa
from alembic import op


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'consoles',
        sa.Column('machine_id', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('address', sa.Text(), server_default='', nullable=False),
        sa.Column('enter', sa.Text(), server_default='', nullable=False),
        sa.Column('host_key', sa.Text(), server_default='', nullable=False),
        sa.ForeignKeyConstraint(
            ['machine_id'], ['machines.id'], name=op.f('fk_consoles_machine_id_machines'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('machine_id', name=op.f('pk_consoles')),
    )
