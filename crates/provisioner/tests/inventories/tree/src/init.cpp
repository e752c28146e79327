// where task 5 is done
