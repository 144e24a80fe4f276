"""kpaudit's dashboard: a Streamlit application. Holds no SQL."""
