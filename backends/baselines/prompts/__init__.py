"""The wording of the baselines' prompts, as text files; `muxcast.backends.baselines.wording` reads them."""
