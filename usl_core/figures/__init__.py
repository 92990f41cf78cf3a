"""Arrays to plotly figures, in one look, without Streamlit."""
