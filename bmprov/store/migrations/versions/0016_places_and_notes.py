"""where in its rack a machine is, what people note of it, who asked CloudStack, what pages look for, and counts."""

import sqlalchemy as sa
from alembic import op


revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('machines', sa.Column('rack_position', sa.Integer(), nullable=True))
    op.add_column('machines', sa.Column('height_u', sa.Integer(), server_default='1', nullable=False))
    op.add_column('machines', sa.Column('notes', sa.Text(), server_default='', nullable=False))
    op.add_column('operations', sa.Column('asked_by', sa.Text(), server_default='', nullable=False))
    op.create_index('ix_operations_finished_at', 'operations', ['finished_at'])
    op.create_index('ix_events_machine', 'events', ['machine', 'id'])
    op.create_index('ix_events_actor', 'events', ['actor', 'id'])
    op.create_table('past_operations',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.Column('finished_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_past_operations')),
    )
    op.create_index('ix_past_operations_finished_at', 'past_operations', ['finished_at'])
