"""Parts of a page that run in the browser: Python, JavaScript and CSS of each side by side."""
