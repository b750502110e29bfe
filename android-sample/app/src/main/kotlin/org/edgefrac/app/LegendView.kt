package org.edgefrac.app

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.util.AttributeSet
import android.util.TypedValue
import android.view.View
import org.edgefrac.core.Display
import org.edgefrac.core.Overlay

/** The heat map's scale as it looks over mid-grey, with its contour lines and their values. */
class LegendView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG)
    private val letters = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        textSize = TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_SP, 13f, resources.displayMetrics)
        textAlign = Paint.Align.CENTER
        color = textColour()
    }
    private val bar = TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_DIP, 18f, resources.displayMetrics)
    private val margin get() = letters.measureText("0.00+")

    private var overlay: Overlay? = null

    var display: Display? = null
        set(value) {
            field = value
            overlay = value?.let(::Overlay)
            invalidate()
        }

    private fun textColour(): Int {
        val colours = context.obtainStyledAttributes(intArrayOf(android.R.attr.textColorPrimary))
        return colours.getColor(0, Color.GRAY).also { colours.recycle() }
    }

    override fun onMeasure(widthSpec: Int, heightSpec: Int) =
        setMeasuredDimension(MeasureSpec.getSize(widthSpec), (bar + letters.fontSpacing).toInt() + 1)

    override fun onDraw(canvas: Canvas) {
        val display = display ?: return
        val overlay = overlay ?: return
        val length = width - 2 * margin
        for (column in 0 until length.toInt()) {
            paint.color = overlay.coloured(MID_GREY, (column / length * display.fullScale).toFloat())
            canvas.drawRect(margin + column, 0f, margin + column + 1, bar, paint)
        }
        for (level in listOf(0.0) + display.contours + display.fullScale) {
            val x = margin + (level / display.fullScale).toFloat() * length
            if (level in display.contours) contour(canvas, x, dashed = level == display.contours.first())
            canvas.drawText(Legend.written(level, display), x, bar - letters.ascent(), letters)
        }
    }

    private fun contour(canvas: Canvas, x: Float, dashed: Boolean) {
        val step = bar / DASHES
        for (dash in 0 until DASHES) {
            if (dashed && dash % 2 == 1) continue
            for ((colour, reach) in listOf(Color.BLACK to 2.5f, Color.WHITE to 1.5f)) {
                paint.color = colour
                canvas.drawRect(x - reach, dash * step, x + reach, (dash + 1) * step, paint)
            }
        }
    }

    private companion object {
        const val MID_GREY = 110
        const val DASHES = 5
    }
}
