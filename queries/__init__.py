"""kpaudit below the screen: readers, index, queries. Never imports streamlit."""
