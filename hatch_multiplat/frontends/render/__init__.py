"""Results as text for people and programs.

Reports, matrices and inspections come in; lines, HTML, Markdown or JSON go out.
"""
