"""webhooks and their deliveries."""

import sqlalchemy as sa
from alembic import op


revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'webhooks',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('url', sa.Text(), nullable=False),
        sa.Column('sealed_secret', sa.LargeBinary(), nullable=False),
        sa.Column('kinds', sa.JSON(), nullable=False),
        sa.Column('trust', sa.Text(), server_default='', nullable=False),
        sa.Column('off_because', sa.Text(), server_default='', nullable=False),
        sa.Column('called_until', sa.Double(), nullable=True),
        sa.Column('created_by', sa.Text(), server_default='', nullable=False),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_webhooks')),
        sa.UniqueConstraint('name', name=op.f('uq_webhooks_name')),
    )
    op.create_table(
        'deliveries',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('webhook_id', sa.Text(), nullable=False),
        sa.Column('cause', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
        sa.Column('due_at', sa.Double(), nullable=True),
        sa.Column('ended_at', sa.Double(), nullable=True),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('error', sa.Text(), server_default='', nullable=False),
        sa.ForeignKeyConstraint(['webhook_id'], ['webhooks.id'], name=op.f('fk_deliveries_webhook_id_webhooks'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries')),
        sa.UniqueConstraint('webhook_id', 'cause', name=op.f('uq_deliveries_webhook_id')),
    )
    op.create_index(
        'ix_deliveries_due', 'deliveries', ['due_at'],
        sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'),
    )
