"""people, their sessions, and the links of wall screens."""

import sqlalchemy as sa
from alembic import op


revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'people',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('role', sa.Text(), nullable=False),
        sa.Column('password_hash', sa.Text(), server_default='', nullable=False),
        sa.Column('issuer', sa.Text(), nullable=True),
        sa.Column('subject', sa.Text(), nullable=True),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.Column('disabled_at', sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_people')),
        sa.UniqueConstraint('name', name=op.f('uq_people_name')),
        sa.UniqueConstraint('issuer', 'subject', name=op.f('uq_people_issuer')),
    )
    op.create_table(
        'sessions',
        sa.Column('sha256', sa.Text(), nullable=False),
        sa.Column('person_id', sa.Text(), nullable=False),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.Column('seen_at', sa.Double(), nullable=False),
        sa.Column('expires_at', sa.Double(), nullable=False),
        sa.Column('origin', sa.Text(), server_default='', nullable=False),
        sa.Column('agent', sa.Text(), server_default='', nullable=False),
        sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_sessions_person_id_people'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('sha256', name=op.f('pk_sessions')),
    )
    op.create_index(op.f('ix_sessions_person_id'), 'sessions', ['person_id'])
    op.create_table(
        'wall_links',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('sha256', sa.Text(), nullable=False),
        sa.Column('created_by', sa.Text(), server_default='', nullable=False),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.Column('seen_at', sa.Double(), nullable=True),
        sa.Column('revoked_at', sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_wall_links')),
    )
