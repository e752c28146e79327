/* A program without tracepoints. */
int main(void)
{
    return 0;
}
