package org.edgefrac.app

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import android.util.AttributeSet
import android.util.TypedValue
import android.view.View

/** The radiograph, its heat map over it as opaque as is wished, its regions framed and the strongest place marked. */
class RadiographView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val blend = Paint(Paint.FILTER_BITMAP_FLAG)
    private val line = Paint(Paint.ANTI_ALIAS_FLAG).apply { style = Paint.Style.STROKE }
    private val letters = Paint(Paint.ANTI_ALIAS_FLAG).apply { textSize = size(TypedValue.COMPLEX_UNIT_SP, 14f) }
    private val frame = RectF()

    var shown: Shown? = null
        set(value) {
            field = value
            requestLayout()
            invalidate()
        }

    /** Of the heat map, 0 to 1. */
    var opacity: Float = 1f
        set(value) {
            field = value
            invalidate()
        }

    private fun size(unit: Int, value: Float) = TypedValue.applyDimension(unit, value, resources.displayMetrics)

    override fun onMeasure(widthSpec: Int, heightSpec: Int) {
        val width = MeasureSpec.getSize(widthSpec)
        val picture = shown?.picture
        val height = if (picture == null) 0 else (width.toLong() * picture.height / picture.width).toInt()
        setMeasuredDimension(width, height)
    }

    override fun onDraw(canvas: Canvas) {
        val shown = shown ?: return
        frame.set(0f, 0f, width.toFloat(), height.toFloat())
        blend.alpha = 255
        canvas.drawBitmap(shown.picture, null, frame, blend)
        val heat = shown.heat ?: return
        blend.alpha = (opacity * 255).toInt()
        canvas.drawBitmap(heat, null, frame, blend)
        val scale = width.toFloat() / shown.reading.placement.width
        for (region in shown.reading.regions) {
            val box = region.box
            frame.set(box.x.toFloat(), box.y.toFloat(), (box.x + box.width).toFloat(), (box.y + box.height).toFloat())
            frame.set(frame.left * scale, frame.top * scale, frame.right * scale, frame.bottom * scale)
            outlined { canvas.drawRect(frame, line) }
            label(canvas, Percent.of(region.share))
        }
        val (x, y) = shown.reading.peak
        val radius = size(TypedValue.COMPLEX_UNIT_DIP, 9f)
        outlined { canvas.drawCircle(x.toFloat() * scale, y.toFloat() * scale, radius, line) }
    }

    /** White on black, seen on any grey. */
    private fun outlined(draw: () -> Unit) {
        for ((colour, width) in listOf(Color.BLACK to 4f, Color.WHITE to 1.5f)) {
            line.color = colour
            line.strokeWidth = size(TypedValue.COMPLEX_UNIT_DIP, width)
            draw()
        }
    }

    /** Above the frame, or in it where there is no room. */
    private fun label(canvas: Canvas, text: String) {
        val above = frame.top - letters.descent()
        val y = if (above + letters.ascent() >= 0) above else frame.top - letters.ascent()
        for ((colour, style) in listOf(Color.BLACK to Paint.Style.FILL_AND_STROKE, Color.WHITE to Paint.Style.FILL)) {
            letters.color = colour
            letters.style = style
            letters.strokeWidth = size(TypedValue.COMPLEX_UNIT_DIP, 3f)
            canvas.drawText(text, frame.left, y, letters)
        }
    }
}
