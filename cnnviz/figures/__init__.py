"""Result to picture or plotly figure: no analysis and no model in here."""
