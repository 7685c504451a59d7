"""where in its rack a machine is, what people note of it, who asked CloudStack, and what pages look for."""

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
