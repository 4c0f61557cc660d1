"""How the pages of results look, light and dark."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1c1e; --pale: #6b6b70;
  --line: #d8d8dc; --right: #1a8f4a; --wrong: #cf3a34; }
@media (prefers-color-scheme: dark) { :root { --paper: #17181a; --ink: #ececee;
  --pale: #9b9ba1; --line: #3a3b3f; --right: #37b56c; --wrong: #f0625b; } }
body { background: var(--paper); color: var(--ink); margin: 2rem auto; max-width: 76rem;
  padding: 0 1rem; font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { margin: 1.6rem 0 .5rem; font-weight: 600; } .pale, dt { color: var(--pale); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } tr.all td { font-weight: 600; }
.row { display: flex; flex-wrap: wrap; gap: .8rem; } figure { margin: 0; width: 8.5rem; }
img { width: 8rem; height: 8rem; image-rendering: pixelated; border: .25rem solid var(--line);
  border-radius: .3rem; display: block; } .right img { border-color: var(--right); }
.wrong img { border-color: var(--wrong); } figcaption { font-size: .8rem; }
.wide-figure { width: 17.5rem; } ul { margin: .2rem 0; padding-left: 1.1rem; font-size: .8rem; }
li.right::marker { content: "✓ "; color: var(--right); }
li.wrong::marker { content: "✗ "; color: var(--wrong); }
"""
