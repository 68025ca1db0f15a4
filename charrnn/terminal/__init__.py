"""What a terminal shows: tables, samples side by side, progress. Whatever others wrote is made safe first.

May import: text_check, training, evaluation and everything below; prints nothing that is data.
"""
