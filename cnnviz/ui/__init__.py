"""The only room besides the pages that knows Streamlit."""
