"""Approval requests in Redis: the commands that make and end them, and their reading.

Each name stands twice, so that type checkers take it for one that this room gives.
"""

from .commands import Answer as Answer
from .commands import CollectionMark as CollectionMark
from .commands import End as End
from .commands import Question as Question
from .commands import cancel as cancel
from .commands import cancel_lost as cancel_lost
from .commands import collect as collect
from .commands import decide as decide
from .commands import expire as expire
from .commands import extend as extend
from .commands import request as request
from .commands import restore as restore
from .commands import set_limits as set_limits
from .commands import withdraw as withdraw
from .listened import ask_listened as ask_listened
from .listened import expect_no_call as expect_no_call
from .listened import listen as listen
from .listened import listened_of as listened_of
from .listened import read_listened as read_listened
from .records import ID_LENGTH as ID_LENGTH
from .records import PendingRequests as PendingRequests
from .records import RequestRecord as RequestRecord
from .records import WaitingRequest as WaitingRequest
from .records import count_waiting as count_waiting
from .records import each_asked as each_asked
from .records import pending_ids as pending_ids
from .records import read_all_waiting as read_all_waiting
from .records import read_asked as read_asked
from .records import read_asker as read_asker
from .records import read_deadlines as read_deadlines
from .records import read_pending as read_pending
from .records import read_record as read_record
from .records import read_record_and_time as read_record_and_time
from .records import read_records as read_records
from .records import read_request as read_request
from .records import read_waiting as read_waiting
from .records import valid_id as valid_id
