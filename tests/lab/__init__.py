"""The lab itself: do its servers, names and stand-ins behave as its worlds say?"""
